// Messages of Amazon SNS, believed when their topic is configured and their signature is Amazon's.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "ingest/sns_envelope.h"

struct settings;
struct sns;

// RC_NO_MEMORY. At start.
enum rc sns_new(const struct settings *settings, struct sns **ret_sns, struct err *err) MUST_CHECK;
// Accepts NULL.
void sns_free(struct sns *sns);

// Read a message, check it, and confirm it when it is a subscription's. RC_INVALID: not SNS'; RC_DENIED: another topic,
// a certificate of somebody else, a wrong signature; transient codes: the certificate (kept for later messages) or the
// confirmation could not be fetched. Blocks. Any thread.
enum rc sns_receive(struct sns *sns, const char *data, size_t length, struct arena *arena, struct deadline deadline,
                    struct sns_envelope *ret_envelope, struct err *err) MUST_CHECK;
