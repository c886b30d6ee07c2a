//! The current trace. The server opens a span for each call of a plugin; here more can be told.

#[cfg(target_arch = "wasm32")]
use crate::bindings::host::trace;

/// Sets an attribute of the span of the current call. At most 32 a call.
pub fn annotate(key: &str, value: impl ToString) {
    #[cfg(target_arch = "wasm32")]
    trace::annotate(key, &value.to_string());
    #[cfg(not(target_arch = "wasm32"))]
    drop((key, value.to_string()));
}

/// A span below that of the current call, until it is dropped or the call returns.
#[must_use = "the span ends when this is dropped"]
pub struct Span(#[cfg(target_arch = "wasm32")] trace::Span);

/// Opens a span.
pub fn span(name: &str) -> Span {
    #[cfg(target_arch = "wasm32")]
    return Span(trace::Span::new(name));
    #[cfg(not(target_arch = "wasm32"))]
    {
        let _ = name;
        Span()
    }
}

impl Span {
    /// Sets an attribute of this span.
    pub fn annotate(&self, key: &str, value: impl ToString) {
        #[cfg(target_arch = "wasm32")]
        self.0.annotate(key, &value.to_string());
        #[cfg(not(target_arch = "wasm32"))]
        drop((key, value.to_string()));
    }
}
