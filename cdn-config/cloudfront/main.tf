# Safelight behind CloudFront, as Terraform: the same as template.yaml. `terraform init && terraform apply`, with
# delivery.js beside this file; then write the text of cdn.keys to the entry `keys` of the key-value store.
# Checked here: that it parses as HCL and names what template.yaml names. It has not been applied to AWS.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40"
    }
  }
}

variable "name" {
  description = "Front of the names of everything here."
  type        = string
  default     = "safelight"
}

variable "media_bucket" {
  description = "Name of the media bucket ([store] media_bucket)."
  type        = string
}

variable "region" {
  description = "Region of the bucket."
  type        = string
}

variable "domain_name" {
  description = "Host name of delivery URLs ([cdn] public_url); empty for CloudFront's own."
  type        = string
  default     = ""
}

variable "certificate_arn" {
  description = "Its certificate in ACM, us-east-1; needed with domain_name."
  type        = string
  default     = ""
}

data "aws_partition" "own" {}

# Its entry `keys` is the text of [cdn] keys; the operator writes it, so that no secret stands in the state.
resource "aws_cloudfront_key_value_store" "keys" {
  name    = "${var.name}-keys"
  comment = "Delivery keys"
}

resource "aws_cloudfront_function" "check" {
  name                         = "${var.name}-check"
  comment                      = "Signed delivery URLs"
  runtime                      = "cloudfront-js-2.0"
  publish                      = true
  code                         = file("${path.module}/delivery.js")
  key_value_store_associations = [aws_cloudfront_key_value_store.keys.arn]
}

resource "aws_cloudfront_origin_access_control" "access" {
  name                              = "${var.name}-access"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

# The key is the object's path, which the function has written: no query, no header, no cookie.
resource "aws_cloudfront_cache_policy" "cache" {
  name        = "${var.name}-cache"
  min_ttl     = 1
  default_ttl = 2592000
  max_ttl     = 31536000
  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_gzip   = false
    enable_accept_encoding_brotli = false
    cookies_config {
      cookie_behavior = "none"
    }
    headers_config {
      header_behavior = "none"
    }
    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

# Cache-Control comes from the objects: set here, it would stand on errors as well.
resource "aws_cloudfront_response_headers_policy" "headers" {
  name = "${var.name}-headers"
  security_headers_config {
    content_type_options {
      override = true
    }
    content_security_policy {
      content_security_policy = "default-src 'none'; sandbox"
      override                = true
    }
    strict_transport_security {
      access_control_max_age_sec = 31536000
      include_subdomains         = false
      override                   = true
    }
  }
  custom_headers_config {
    items {
      header   = "Cross-Origin-Resource-Policy"
      value    = "cross-origin"
      override = true
    }
  }
  remove_headers_config {
    items {
      header = "x-amz-meta-source-sha256"
    }
    items {
      header = "x-amz-server-side-encryption"
    }
    items {
      header = "x-amz-version-id"
    }
  }
}

resource "aws_cloudfront_distribution" "media" {
  enabled         = true
  comment         = "Safelight media"
  http_version    = "http2and3"
  is_ipv6_enabled = true
  aliases         = var.domain_name == "" ? [] : [var.domain_name]

  origin {
    origin_id                = "media"
    domain_name              = "${var.media_bucket}.s3.${var.region}.amazonaws.com"
    origin_access_control_id = aws_cloudfront_origin_access_control.access.id
    origin_shield {
      enabled              = true
      origin_shield_region = var.region
    }
  }

  # The only behaviour: whatever is asked for is checked first.
  default_cache_behavior {
    target_origin_id           = "media"
    viewer_protocol_policy     = "https-only"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = false
    cache_policy_id            = aws_cloudfront_cache_policy.cache.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.headers.id
    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.check.arn
    }
  }

  # Not published yet, perhaps: forgotten soon.
  dynamic "custom_error_response" {
    for_each = [403, 404, 503]
    content {
      error_code            = custom_error_response.value
      error_caching_min_ttl = 1
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.domain_name == ""
    acm_certificate_arn            = var.domain_name == "" ? null : var.certificate_arn
    minimum_protocol_version       = var.domain_name == "" ? null : "TLSv1.2_2021"
    ssl_support_method             = var.domain_name == "" ? null : "sni-only"
  }

  lifecycle {
    precondition {
      condition     = var.domain_name == "" || var.certificate_arn != ""
      error_message = "A domain_name needs a certificate_arn."
    }
  }
}

# Listing lets S3 say 404 for what is missing, instead of 403; the function lets no listing through.
data "aws_iam_policy_document" "bucket" {
  statement {
    sid       = "ReadByDistribution"
    actions   = ["s3:GetObject"]
    resources = ["arn:${data.aws_partition.own.partition}:s3:::${var.media_bucket}/*"]
    principals {
      type        = "Service"
      identifiers = ["cloudfront.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "AWS:SourceArn"
      values   = [aws_cloudfront_distribution.media.arn]
    }
  }
  statement {
    sid       = "TellMissingByDistribution"
    actions   = ["s3:ListBucket"]
    resources = ["arn:${data.aws_partition.own.partition}:s3:::${var.media_bucket}"]
    principals {
      type        = "Service"
      identifiers = ["cloudfront.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "AWS:SourceArn"
      values   = [aws_cloudfront_distribution.media.arn]
    }
  }
  statement {
    sid     = "TlsOnly"
    effect  = "Deny"
    actions = ["s3:*"]
    resources = [
      "arn:${data.aws_partition.own.partition}:s3:::${var.media_bucket}",
      "arn:${data.aws_partition.own.partition}:s3:::${var.media_bucket}/*",
    ]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "media" {
  bucket = var.media_bucket
  policy = data.aws_iam_policy_document.bucket.json
}

output "distribution_id" {
  description = "For invalidations: [cdn] cloudfront_distribution."
  value       = aws_cloudfront_distribution.media.id
}

output "distribution_domain" {
  description = "Where delivery URLs lead, or what domain_name is an alias of."
  value       = aws_cloudfront_distribution.media.domain_name
}

output "keys_arn" {
  description = "Where the delivery keys go."
  value       = aws_cloudfront_key_value_store.keys.arn
}
