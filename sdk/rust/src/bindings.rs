//! What is generated from `wit/`: the server's functions, and for each interface of a hook its trait and export macro.

#![allow(missing_docs)]

/// What the server offers. A plugin imports only what it calls.
pub mod imports {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package wasmcast:rust;
            world imports {
                import wasmcast:host/types@0.1.0;
                import wasmcast:host/log@0.1.0;
                import wasmcast:host/metrics@0.1.0;
                import wasmcast:host/trace@0.1.0;
                import wasmcast:host/notify@0.1.0;
                import wasmcast:host/clock@0.1.0;
                import wasmcast:host/random@0.1.0;
                import wasmcast:host/crypto@0.1.0;
                import wasmcast:host/config@0.1.0;
                import wasmcast:host/kv@0.1.0;
                import wasmcast:host/http@0.1.0;
                import wasmcast:host/sessions@0.1.0;
            }",
        generate_all,
    });
}

pub use imports::wasmcast::host;

/// The hook `auth`.
pub mod check {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package wasmcast:rust; world auth-check { export wasmcast:auth/check@0.1.0; }",
        with: {
            "wasmcast:host/types@0.1.0": crate::bindings::host::types,
            "wasmcast:host/sessions@0.1.0": crate::bindings::host::sessions,
        },
        pub_export_macro: true,
        default_bindings_module: "wasmcast_plugin::__private::check",
    });
    pub use exports::wasmcast::auth::check::*;
}

/// Sessions to be asked again.
pub mod revoke {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package wasmcast:rust; world auth-revoke { export wasmcast:auth/revoke@0.1.0; }",
        with: {
            "wasmcast:host/types@0.1.0": crate::bindings::host::types,
        },
        pub_export_macro: true,
        default_bindings_module: "wasmcast_plugin::__private::revoke",
    });
    pub use exports::wasmcast::auth::revoke::*;
}

/// A new configuration for a living instance.
pub mod reconfigure {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package wasmcast:rust; world lifecycle-reconfigure { export wasmcast:lifecycle/reconfigure@0.1.0; }",
        pub_export_macro: true,
        default_bindings_module: "wasmcast_plugin::__private::reconfigure",
    });
    pub use exports::wasmcast::lifecycle::reconfigure::*;
}

/// State that is handed to the next generation.
pub mod state {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package wasmcast:rust; world lifecycle-state { export wasmcast:lifecycle/state@0.1.0; }",
        pub_export_macro: true,
        default_bindings_module: "wasmcast_plugin::__private::state",
    });
    pub use exports::wasmcast::lifecycle::state::*;
}

/// Regular work.
pub mod tick {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package wasmcast:rust; world lifecycle-tick { export wasmcast:lifecycle/tick@0.1.0; }",
        pub_export_macro: true,
        default_bindings_module: "wasmcast_plugin::__private::tick",
    });
    pub use exports::wasmcast::lifecycle::tick::*;
}

/// A test before a generation serves.
pub mod self_test {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package wasmcast:rust; world lifecycle-self-test { export wasmcast:lifecycle/self-test@0.1.0; }",
        pub_export_macro: true,
        default_bindings_module: "wasmcast_plugin::__private::self_test",
    });
    pub use exports::wasmcast::lifecycle::self_test::*;
}

/// Construction of an instance: exported by this crate itself, once for all hooks of a plugin.
pub mod init {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package wasmcast:rust; world lifecycle-init { export wasmcast:lifecycle/init@0.1.0; }",
    });

    struct Instance;

    impl exports::wasmcast::lifecycle::init::Guest for Instance {
        fn init() -> Result<(), String> {
            crate::instance::init()
        }
    }

    #[cfg(target_arch = "wasm32")]
    export!(Instance);
}
