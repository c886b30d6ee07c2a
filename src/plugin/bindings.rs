//! The contract of `wit/` in Rust: traits that the host implements, and typed calls of what plugins export.

pub use super::guest::CurrentSession;
pub use super::host::{Counter, Gauge, Histogram, Span};

/// The imports. What needs no grant is offered to all; `kv` and `http` are linked for those who have it.
pub(super) mod imports {
    wasmtime::component::bindgen!({
        path: "wit",
        inline: "
            package wasmcast:server@0.1.0;
            world offers {
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
            }
        ",
        imports: { "wasmcast:host/http@0.1.0.send": async },
        with: {
            "wasmcast:host/sessions.session": super::CurrentSession,
            "wasmcast:host/metrics.counter": super::Counter,
            "wasmcast:host/metrics.gauge": super::Gauge,
            "wasmcast:host/metrics.histogram": super::Histogram,
            "wasmcast:host/trace.span": super::Span,
        },
    });
}

/// Declares a module with the typed calls of one exported interface. Each hook is looked up by itself, so a plugin may
/// export any subset.
macro_rules! export {
    ($module:ident, $world:literal $(, $with:tt)?) => {
        pub(super) mod $module {
            wasmtime::component::bindgen!({
                path: "wit",
                inline: $world,
                exports: { default: async },
                $(with: $with,)?
            });
        }
    };
}

export!(
    auth_check,
    "package wasmcast:server@0.1.0; world hook { export wasmcast:auth/check@0.1.0; }",
    { "wasmcast:host": super::imports::wasmcast::host }
);
export!(
    auth_revoke,
    "package wasmcast:server@0.1.0; world hook { export wasmcast:auth/revoke@0.1.0; }",
    { "wasmcast:host": super::imports::wasmcast::host }
);
export!(
    router_routing,
    "package wasmcast:server@0.1.0; world hook { export wasmcast:router/routing@0.1.0; }",
    { "wasmcast:host": super::imports::wasmcast::host }
);
export!(
    ratelimit_rules,
    "package wasmcast:server@0.1.0; world hook { export wasmcast:ratelimit/rules@0.1.0; }",
    { "wasmcast:host": super::imports::wasmcast::host }
);
export!(
    ratelimit_decide,
    "package wasmcast:server@0.1.0; world hook { export wasmcast:ratelimit/decide@0.1.0; }",
    { "wasmcast:host": super::imports::wasmcast::host }
);
export!(
    observer_events,
    "package wasmcast:server@0.1.0; world hook { export wasmcast:observer/events@0.1.0; }",
    { "wasmcast:host": super::imports::wasmcast::host }
);
export!(
    observer_sampling,
    "package wasmcast:server@0.1.0; world hook { export wasmcast:observer/sampling@0.1.0; }",
    { "wasmcast:host": super::imports::wasmcast::host }
);
export!(observer_stats, "package wasmcast:server@0.1.0; world hook { export wasmcast:observer/stats@0.1.0; }");
export!(init, "package wasmcast:server@0.1.0; world hook { export wasmcast:lifecycle/init@0.1.0; }");
export!(reconfigure, "package wasmcast:server@0.1.0; world hook { export wasmcast:lifecycle/reconfigure@0.1.0; }");
export!(state, "package wasmcast:server@0.1.0; world hook { export wasmcast:lifecycle/state@0.1.0; }");
export!(tick, "package wasmcast:server@0.1.0; world hook { export wasmcast:lifecycle/tick@0.1.0; }");
export!(self_test, "package wasmcast:server@0.1.0; world hook { export wasmcast:lifecycle/self-test@0.1.0; }");
