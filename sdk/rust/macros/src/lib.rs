//! The macros of `wasmcast-plugin`; each is documented and tested there.

mod ability;
mod derive;
mod function;
mod hook;
mod limits;
mod observer;
mod section;

use proc_macro::TokenStream;

/// The function that decides whether a session may publish, play or use the API.
///
/// It takes `&Session`, and if it needs it `&Config` (the manifest's `[config]`, read by serde once an instance) or `&mut State`
/// (a type with `Plugin`). It returns `Result<Decision>` or `Decision`. A crate has one.
#[proc_macro_attribute]
pub fn auth(arguments: TokenStream, item: TokenStream) -> TokenStream {
    hook::auth(arguments.into(), item.into()).into()
}

/// The function that says where a session is served, and which stream, rendition and tags it gets. Called once a session,
/// after auth allowed it.
///
/// It takes `&Session`, and if it needs it `&Config` or `&mut State`, as [`macro@auth`] does. It returns
/// `Result<Option<Route>>` or `Option<Route>`; `None` is no opinion. A crate has one.
#[proc_macro_attribute]
pub fn router(arguments: TokenStream, item: TokenStream) -> TokenStream {
    hook::router(arguments.into(), item.into()).into()
}

/// The function that gives the rules of rate limits, which the server enforces itself. Called when a version is taken into
/// service, and after a changed configuration.
///
/// It takes `&Config`, `&mut State` or nothing, and returns `Result<Vec<Rule>>` or `Vec<Rule>`. A crate has one.
#[proc_macro_attribute]
pub fn ratelimit(arguments: TokenStream, item: TokenStream) -> TokenStream {
    limits::ratelimit(arguments.into(), item.into()).into()
}

/// The function that answers for sessions which meet a rule with `ask`, after auth.
///
/// It takes `&Session` and the rule's name, a `&str`, and if it needs it `&Config` or `&mut State`. It returns
/// `Result<Verdict>` or `Verdict`. A crate has one, beside a function with [`macro@ratelimit`].
#[proc_macro_attribute]
pub fn decide(arguments: TokenStream, item: TokenStream) -> TokenStream {
    limits::decide(arguments.into(), item.into()).into()
}

/// The function that says which sessions are to be asked again now. Called once a second on one instance.
///
/// It takes `&mut State` (a type with `Plugin`), `&Config` or nothing, and returns `Result<Vec<Selection>>`. Each session
/// selected goes through the auth plugins again, at once: report a change once.
#[proc_macro_attribute]
pub fn revoke(arguments: TokenStream, item: TokenStream) -> TokenStream {
    hook::revoke(arguments.into(), item.into()).into()
}

/// A function that is told what happens on the server: `&[Event]`, or how its tracks do: `&Stats`. A crate may have one of
/// each. Called in batches, on one instance that lasts, off the path of media and decisions.
///
/// It takes `&Config` or `&mut State` besides, if it needs it, and returns `Result<()>` or nothing. On an `Err` the server delivers
/// the same events again, after 1 to 60 s, so that each arrives at least once, in order; figures are not repeated.
#[proc_macro_attribute]
pub fn observer(arguments: TokenStream, item: TokenStream) -> TokenStream {
    observer::observer(arguments.into(), item.into()).into()
}

/// Exports an optional ability of the plugin's state: `impl Tick`, `SelfTest`, `Reconfigure` or `SaveState`.
#[proc_macro_attribute]
pub fn export(arguments: TokenStream, item: TokenStream) -> TokenStream {
    ability::export(arguments.into(), item.into()).into()
}

/// serde's `Deserialize`, with which a plugin needs no dependency of its own on serde.
#[proc_macro_derive(Deserialize, attributes(serde))]
pub fn deserialize(item: TokenStream) -> TokenStream {
    derive::deserialize(item.into()).into()
}

/// serde's `Serialize`, with which a plugin needs no dependency of its own on serde.
#[proc_macro_derive(Serialize, attributes(serde))]
pub fn serialize(item: TokenStream) -> TokenStream {
    derive::serialize(item.into()).into()
}
