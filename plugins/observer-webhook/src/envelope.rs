//! An event as a CloudEvent (CloudEvents 1.0, JSON Event Format).

use super::time::rfc3339;
use wasmcast_plugin::Event;
use wasmcast_plugin::serde_json::{Map, Value, json};

/// The event. Its `source` and `id` together are the same each time that it is sent, and of no other event: a receiver that
/// keeps them leaves out what comes twice.
pub fn envelope(event: &Event, source: &str, type_prefix: &str) -> Value {
    let node = event.attribute("node").unwrap_or_default();
    let mut data = Map::new();
    for (key, value) in &event.attributes {
        data.insert(key.clone(), value.as_str().into());
    }
    for (key, value) in [("stream", &event.stream_name), ("session", &event.session_id)] {
        if !value.is_empty() {
            data.insert(key.to_owned(), value.as_str().into());
        }
    }
    let mut envelope = json!({
        "specversion": "1.0",
        // Sequences begin anew with each start of the server; the time tells the starts apart.
        "id": format!("{}-{}", event.unix_ns, event.sequence),
        "source": format!("{source}{node}"),
        "type": format!("{type_prefix}{}", event.kind),
        "time": rfc3339(event.unix_ns),
        "sequence": event.sequence.to_string(),
        "datacontenttype": "application/json",
        "data": data,
    });
    let subject = if event.session_id.is_empty() { &event.stream_name } else { &event.session_id };
    if let (false, Some(envelope)) = (subject.is_empty(), envelope.as_object_mut()) {
        envelope.insert("subject".to_owned(), subject.as_str().into());
    }
    envelope
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_cloud_event() {
        let event = Event {
            sequence: 7,
            unix_ns: 1_795_362_287_120_000_000,
            ..Event::new("session.ended")
                .stream("live/cam1")
                .session("n1.00ff")
                .with("node", "n1")
                .with("reason", "kicked")
        };
        let expected = json!({
            "specversion": "1.0",
            "id": "1795362287120000000-7",
            "source": "/wasmcast/n1",
            "type": "wasmcast.session.ended",
            "time": "2026-11-22T15:44:47.120Z",
            "sequence": "7",
            "subject": "n1.00ff",
            "datacontenttype": "application/json",
            "data": { "node": "n1", "reason": "kicked", "stream": "live/cam1", "session": "n1.00ff" },
        });
        assert_eq!(envelope(&event, "/wasmcast/", "wasmcast."), expected);
        let bare = envelope(&Event::new("server.draining"), "urn:x:", "com.example.");
        assert_eq!(
            (&bare["type"], &bare["source"], bare.get("subject")),
            (&json!("com.example.server.draining"), &json!("urn:x:"), None)
        );
    }
}
