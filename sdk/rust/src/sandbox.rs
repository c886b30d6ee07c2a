//! Tells apart the server's sandbox and an author's own machine, where unit tests of a plugin's functions run.

/// Ends a unit test that needs what only the server can give. Compiles to nothing in a plugin.
#[inline]
#[track_caller]
pub(crate) fn only(what: &str) {
    if cfg!(not(target_arch = "wasm32")) {
        panic!(
            "`{what}` is given by the server: test this with harness!(), which runs the plugin in the server's code"
        );
    }
}
