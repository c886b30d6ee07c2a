//! Reads a request's body within bounds of type, size and time.

use super::error::Problem;
use axum::body::{Body, HttpBody};
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

/// Judges a request by its head: nothing of its body is waited for.
///
/// # Errors
/// 415 for another type or a compressed body, 413 when more than `limit` bytes are announced.
pub(super) fn check_head(
    headers: &HeaderMap,
    body: &Body,
    expected: &'static str,
    limit: usize,
) -> Result<(), Problem> {
    if !has_type(headers, expected) {
        return Err(Problem::wrong_type(expected));
    }
    check_size_and_coding(headers, body, limit)
}

fn check_size_and_coding(headers: &HeaderMap, body: &Body, limit: usize) -> Result<(), Problem> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    if codings.any(|coding| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity")) {
        return Err(Problem::encoded());
    }
    if body.size_hint().lower() > limit as u64 {
        return Err(Problem::too_large(limit));
    }
    Ok(())
}

/// Reads all of the body as text.
///
/// # Errors
/// 415 for another type or a compressed body, 413 above `limit`, 408 when it is too slow, 400 when it breaks off or is not
/// UTF-8.
pub(super) async fn read_text(
    headers: &HeaderMap,
    body: Body,
    expected: &'static str,
    limit: usize,
) -> Result<String, Problem> {
    check_head(headers, &body, expected, limit)?;
    let bytes = read(headers, body, limit).await?;
    String::from_utf8(bytes.into()).map_err(|_| Problem::bad_request("not-utf8", "the body is not UTF-8"))
}

/// As [`read_text`], for bytes of any type.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    check_size_and_coding(headers, &body, limit)?;
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
    use hyper::body::{Frame, SizeHint};
    use std::pin::Pin;
    use std::task::{Context, Poll};

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
        let problem = read(&HeaderMap::new(), Body::from_stream(drops), 1 << 20).await.unwrap_err();
        assert_eq!(problem.into_response().status().as_u16(), 408);
    }

    /// A body that never comes, of an announced length.
    struct Never(u64);

    impl HttpBody for Never {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            Poll::Pending
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_announced_length_above_the_limit_is_refused_without_waiting() {
        for (length, status, seconds) in [(99_999_999_999, 413, 0), (101, 413, 0), (100, 408, 10)] {
            let began = tokio::time::Instant::now();
            let found = read_text(&headers("application/sdp"), Body::new(Never(length)), "application/sdp", 100).await;
            assert_eq!(found.unwrap_err().into_response().status().as_u16(), status, "{length}");
            assert_eq!(began.elapsed().as_secs(), seconds, "{length}");
        }
    }

    #[tokio::test]
    async fn compressed_bodies_are_refused() {
        let rows: [(&[&str], bool); 7] = [
            (&[], true),
            (&["identity"], true),
            (&[" Identity "], true),
            (&["gzip"], false),
            (&["identity", "br"], false),
            (&["identity, gzip"], false),
            (&[""], false),
        ];
        for (codings, expected) in rows {
            let mut headers = headers("application/sdp");
            for coding in codings {
                headers.append("content-encoding", coding.parse().unwrap());
            }
            let found = read_text(&headers, Body::from("v=0"), "application/sdp", 100).await;
            match found {
                Ok(text) => assert!(expected && text == "v=0", "{codings:?}"),
                Err(problem) => {
                    let response = problem.into_response();
                    assert!(!expected && response.status() == 415, "{codings:?}");
                    assert_eq!(response.headers()["accept-encoding"], "identity");
                }
            }
        }
    }
}
