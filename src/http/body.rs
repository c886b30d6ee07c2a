//! Reads a request's body within bounds of type, size and time.

use super::error::Problem;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use std::time::Duration;

/// An offer of a browser with every codec and 16 m-lines stays below 32 KiB; what is above this is no honest offer.
pub(super) const MAX_SDP_BYTES: usize = 64 << 10;

/// A body must be complete within this time, however it trickles in, so that slow senders can not pile up.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether the request's content type is this one, whatever its parameters.
pub(super) fn has_type(headers: &HeaderMap, expected: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case(expected)
}

/// Reads all of the body as text.
///
/// # Errors
/// 415 for another type, 413 above `limit`, 408 when it is too slow, 400 when it breaks off or is not UTF-8.
pub(super) async fn read_text(
    headers: &HeaderMap,
    body: Body,
    expected: &'static str,
    limit: usize,
) -> Result<String, Problem> {
    if !has_type(headers, expected) {
        return Err(Problem::wrong_type(expected));
    }
    let bytes = read(body, limit).await?;
    String::from_utf8(bytes.into()).map_err(|_| Problem::bad_request("not-utf8", "the body is not UTF-8"))
}

/// As [`read_text`], for bytes of any type.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    match tokio::time::timeout(READ_TIMEOUT, collect(body, limit)).await {
        Ok(result) => result,
        Err(_) => Err(Problem::too_slow(READ_TIMEOUT.as_secs())),
    }
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut chunks = body.into_data_stream();
    let mut whole = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::bad_request("body-broken", "the body broke off"))?;
        if whole.len() + chunk.len() > limit {
            return Err(Problem::too_large(limit));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;

    fn headers(content_type: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert("content-type", content_type.parse().unwrap());
        }
        headers
    }

    #[tokio::test]
    async fn bodies_are_bounded_and_typed() {
        let rows: [(&str, Vec<u8>, Result<&str, u16>); 8] = [
            ("application/sdp", b"v=0".to_vec(), Ok("v=0")),
            ("Application/SDP; charset=utf-8", b"v=0".to_vec(), Ok("v=0")),
            ("application/sdp", Vec::new(), Ok("")),
            ("application/sdpx", b"v=0".to_vec(), Err(415)),
            ("text/plain", b"v=0".to_vec(), Err(415)),
            ("", b"v=0".to_vec(), Err(415)),
            ("application/sdp", vec![b'x'; 101], Err(413)),
            ("application/sdp", vec![0xff, 0xfe], Err(400)),
        ];
        for (content_type, body, expected) in rows {
            let found = read_text(&headers(content_type), Body::from(body), "application/sdp", 100).await;
            let found = found.map_err(|problem| problem.into_response().status().as_u16());
            assert_eq!(found.as_deref().map_err(|status| *status), expected, "{content_type}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_given_up() {
        let drops = futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), ()))
        });
        let problem = read(Body::from_stream(drops), 1 << 20).await.unwrap_err();
        assert_eq!(problem.into_response().status().as_u16(), 408);
    }
}
