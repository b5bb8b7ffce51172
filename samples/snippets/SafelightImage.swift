// UNTESTED HERE: written against the API's contract, but no Swift compiler has seen it in this repository.
//
// The best variant of a media for a view's width, and a loader that asks for new URLs when they end. URLSession's cache keeps
// pictures by their URL, which stays the same for up to [cdn] url_seconds: leave the URL as it is.
import Foundation

struct SafelightVariant: Decodable {
    let name: String
    let format: String
    let width: Int
    let height: Int
    let url: URL?
    let expires_at: Date?
}

struct SafelightMedia: Decodable {
    let id: String
    let alt: String?
    let thumbhash: String?
    let variants: [SafelightVariant]

    /// The narrowest variant of at least `pixels` (points times scale), else the widest. AVIF is shown from iOS 16 on, WebP from 14.
    func variant(pixels: Int, formats: [String] = ["avif", "webp", "jpeg"], now: Date = Date()) -> SafelightVariant? {
        for format in formats {
            let usable = variants
                .filter { $0.format == format && $0.name != "square" && $0.url != nil }
                .filter { ($0.expires_at ?? .distantFuture).timeIntervalSince(now) > 60 }
                .sorted { $0.width < $1.width }
            if let found = usable.first(where: { $0.width >= pixels }) ?? usable.last { return found }
        }
        return nil
    }
}

enum SafelightError: Error { case nothingToShow, status(Int) }

/// `fetch` asks GET /v1/media/{id} with the caller's token (JSONDecoder with .iso8601 dates).
func loadSafelightImage(id: String, pixels: Int, fetch: (String) async throws -> SafelightMedia,
                        session: URLSession = .shared) async throws -> Data {
    for attempt in 0..<2 {
        guard let url = try await fetch(id).variant(pixels: pixels)?.url else { throw SafelightError.nothingToShow }
        let (data, response) = try await session.data(from: url)
        let status = (response as? HTTPURLResponse)?.statusCode ?? 0
        if status == 200 { return data }
        // The URL ended between the two requests: once more with a new one.
        if status != 403 || attempt == 1 { throw SafelightError.status(status) }
    }
    throw SafelightError.nothingToShow
}
