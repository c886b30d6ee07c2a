//! Events of the plugin's own, delivered to observers and to the event API.

/// Reports that something happened. The server adds time, plugin, stream and session, and prefixes `kind` with
/// `plugin.<plugin name>.`. Beyond 10 a second: dropped and counted. Outside the server it does nothing.
pub fn emit(kind: &str, attributes: &[(&str, &str)]) {
    #[cfg(target_arch = "wasm32")]
    {
        use crate::bindings::host::{notify, types::Attribute};
        let attributes: Vec<Attribute> = attributes
            .iter()
            .map(|(key, value)| Attribute { key: (*key).to_owned(), value: (*value).to_owned() })
            .collect();
        notify::emit(kind, &attributes);
    }
    #[cfg(not(target_arch = "wasm32"))]
    let _ = (kind, attributes);
}
