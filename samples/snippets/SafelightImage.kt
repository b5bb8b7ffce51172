// UNTESTED HERE: written against the API's contract, but no Kotlin compiler has seen it in this repository.
//
// The best variant of a media for a view's width, and a loader (OkHttp) that asks for new URLs when they end. Coil and Glide keep
// pictures by their URL, which stays the same for up to [cdn] url_seconds; for a key that outlives it, take the URL's path.
package org.example.safelight

import java.io.IOException
import java.time.Instant
import okhttp3.OkHttpClient
import okhttp3.Request

data class Variant(
    val name: String,
    val format: String,
    val width: Int,
    val height: Int,
    val url: String?,
    val expiresAt: Instant?, // expires_at
)

data class Media(val id: String, val alt: String?, val thumbhash: String?, val variants: List<Variant>) {
    /** The narrowest variant of at least [pixels], else the widest. AVIF is shown from Android 12 on, WebP by every version in use. */
    fun variant(
        pixels: Int,
        formats: List<String> = listOf("avif", "webp", "jpeg"),
        now: Instant = Instant.now(),
    ): Variant? = formats.firstNotNullOfOrNull { format ->
        val usable = variants
            .filter { it.format == format && it.name != "square" && it.url != null }
            .filter { it.expiresAt == null || it.expiresAt.isAfter(now.plusSeconds(60)) }
            .sortedBy { it.width }
        usable.firstOrNull { it.width >= pixels } ?: usable.lastOrNull()
    }
}

/** [fetch] asks GET /v1/media/{id} with the caller's token. Not for the main thread. */
fun loadImage(client: OkHttpClient, id: String, pixels: Int, fetch: (String) -> Media): ByteArray {
    repeat(2) { attempt ->
        val url = fetch(id).variant(pixels)?.url ?: throw IOException("media $id has nothing to show")
        client.newCall(Request.Builder().url(url).build()).execute().use { response ->
            if (response.isSuccessful) return response.body!!.bytes()
            // The URL ended between the two requests: once more with a new one.
            if (response.code != 403 || attempt == 1) throw IOException("${response.code} for media $id")
        }
    }
    throw IOException("media $id could not be loaded")
}
