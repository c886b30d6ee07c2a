//! Expands `#[auth]`, `#[router]` and `#[revoke]`: the function as it is, and beside it the export that calls it.

use crate::function::{Argument, Function, Mistake, Passing};
use crate::section::describe;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};

pub fn auth(arguments: TokenStream, item: TokenStream) -> TokenStream {
    with_item(&item, auth_export(&arguments, &item))
}

pub fn router(arguments: TokenStream, item: TokenStream) -> TokenStream {
    with_item(&item, router_export(&arguments, &item))
}

pub fn revoke(arguments: TokenStream, item: TokenStream) -> TokenStream {
    with_item(&item, revoke_export(&arguments, &item))
}

/// The function stays, also where it is no hook: else the compiler would complain about each use of it too.
pub(crate) fn with_item(item: &TokenStream, export: Result<TokenStream, Mistake>) -> TokenStream {
    let export = export.unwrap_or_else(|mistake| mistake.tokens());
    quote! { #item #export }
}

/// A hook that is asked about one session.
struct Asked {
    /// As the attribute is written.
    attribute: &'static str,
    wanted: &'static str,
    module: TokenStream,
    function: TokenStream,
    /// What the export returns.
    output: TokenStream,
    /// Makes a `Result` of what the author's function returns.
    answer: TokenStream,
    /// Makes the export's type of the SDK's.
    convert: TokenStream,
}

fn auth_export(arguments: &TokenStream, item: &TokenStream) -> Result<TokenStream, Mistake> {
    let asked = Asked {
        attribute: "auth",
        wanted: "an auth hook takes `&Session` and, if it needs it, `&Config` or `&mut State`",
        module: quote!(check),
        function: quote!(authorize),
        output: quote!(__private::check::Decision),
        answer: quote!(IntoDecision::into_decision),
        convert: quote!(::core::convert::Into::into(answer)),
    };
    asked.export(arguments, item)
}

fn router_export(arguments: &TokenStream, item: &TokenStream) -> Result<TokenStream, Mistake> {
    let asked = Asked {
        attribute: "router",
        wanted: "a router hook takes `&Session` and, if it needs it, `&Config` or `&mut State`",
        module: quote!(routing),
        function: quote!(choose),
        output: quote!(::core::option::Option<__private::routing::Route>),
        answer: quote!(IntoRoute::into_route),
        convert: quote!(answer.map(::core::convert::Into::into)),
    };
    asked.export(arguments, item)
}

impl Asked {
    fn export(&self, arguments: &TokenStream, item: &TokenStream) -> Result<TokenStream, Mistake> {
        let Self { attribute, wanted, module, function: exported, output, answer: into, convert } = self;
        none(arguments, attribute)?;
        let function = Function::parse(item)?;
        let name = &function.name;
        let (kept, call) = match function.arguments.as_slice() {
            [Argument { passing: Passing::Shared, .. }] => (None, quote!(#name(session))),
            [Argument { passing: Passing::Shared, .. }, second] => {
                (Some(kept(second, wanted)?), quote!(#name(session, kept)))
            }
            [] => return Err(Mistake::new(name.span(), *wanted)),
            [first, ..] => return Err(Mistake::new(first.span, *wanted)),
        };
        let answer = quote_spanned!(name.span()=> ::wasmcast_plugin::__private::#into(#call));
        let (registered, answer) = around(kept.as_ref(), &answer);
        let description = describe();
        let result = quote!(::core::result::Result<#output, ::std::string::String>);
        Ok(quote! {
            // Natively nothing calls what is exported: it is no dead code all the same.
            #[allow(dead_code)]
            #[allow(unsafe_code)]
            const _: () = {
                use ::wasmcast_plugin::__private;
                struct __Exported;
                impl __private::#module::Guest for __Exported {
                    fn #exported(session: &__private::Session) -> #result {
                        match #answer {
                            ::core::result::Result::Ok(answer) => ::core::result::Result::Ok(#convert),
                            ::core::result::Result::Err(error) => ::core::result::Result::Err(error.to_string()),
                        }
                    }
                }
                // On an author's machine nothing calls it; yet it is used.
                #[cfg(not(target_arch = "wasm32"))]
                const _: fn(&__private::Session) -> #result = <__Exported as __private::#module::Guest>::#exported;
                #[cfg(target_arch = "wasm32")]
                __private::#module::export!(__Exported with_types_in ::wasmcast_plugin::__private::#module);
                #registered
                #description
            };
        })
    }
}

fn revoke_export(arguments: &TokenStream, item: &TokenStream) -> Result<TokenStream, Mistake> {
    const WANTED: &str = "a revoke hook takes `&mut State`, `&Config` or nothing";
    none(arguments, "revoke")?;
    let function = Function::parse(item)?;
    let name = &function.name;
    let (kept, call) = match function.arguments.as_slice() {
        [] => (None, quote!(#name())),
        [only] => (Some(kept(only, WANTED)?), quote!(#name(kept))),
        [_, second, ..] => return Err(Mistake::new(second.span, WANTED)),
    };
    let answer = quote_spanned! { name.span()=> {
        let selected: ::wasmcast_plugin::__private::Result<::std::vec::Vec<::wasmcast_plugin::__private::Selection>> = #call;
        selected
    } };
    let (registered, answer) = around(kept.as_ref(), &answer);
    let description = describe();
    Ok(quote! {
        // Natively nothing calls what is exported: it is no dead code all the same.
        #[allow(dead_code)]
        #[allow(unsafe_code)]
        const _: () = {
            use ::wasmcast_plugin::__private;
            struct __Exported;
            impl __private::revoke::Guest for __Exported {
                fn poll() -> ::core::result::Result<::std::vec::Vec<__private::revoke::Selection>, ::std::string::String> {
                    match #answer {
                        ::core::result::Result::Ok(selected) => {
                            ::core::result::Result::Ok(selected.into_iter().map(::core::convert::Into::into).collect())
                        }
                        ::core::result::Result::Err(error) => ::core::result::Result::Err(error.to_string()),
                    }
                }
            }
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn() -> ::core::result::Result<::std::vec::Vec<__private::revoke::Selection>, ::std::string::String> =
                <__Exported as __private::revoke::Guest>::poll;
            #[cfg(target_arch = "wasm32")]
            __private::revoke::export!(__Exported with_types_in ::wasmcast_plugin::__private::revoke);
            #registered
            #description
        };
    })
}

pub(crate) fn none(arguments: &TokenStream, name: &str) -> Result<(), Mistake> {
    match arguments.clone().into_iter().next() {
        None => Ok(()),
        Some(first) => Err(Mistake::new(first.span(), format!("`#[{name}]` takes nothing in parentheses"))),
    }
}

/// What the instance keeps for the hook: `&Config` is a configuration, `&mut State` a plugin's state.
pub(crate) fn kept(argument: &Argument, wanted: &str) -> Result<TokenStream, Mistake> {
    let kind = &argument.kind;
    match argument.passing {
        Passing::Shared => Ok(quote_spanned!(argument.span=> ::wasmcast_plugin::__private::Configured<#kind>)),
        Passing::Exclusive => Ok(quote_spanned!(argument.span=> ::wasmcast_plugin::__private::Stateful<#kind>)),
        Passing::Value => Err(Mistake::new(argument.span, wanted)),
    }
}

/// The call with what is kept, and the constructor which has it made by `lifecycle/init`.
pub(crate) fn around(kept: Option<&TokenStream>, call: &TokenStream) -> (TokenStream, TokenStream) {
    let Some(kind) = kept else { return (TokenStream::new(), call.clone()) };
    let kept = Ident::new("kept", Span::call_site());
    let call = quote!(__private::with::<#kind, _>(|#kept| #call).and_then(|result| result));
    let register = quote! {
        #[cfg(target_arch = "wasm32")]
        #[used]
        #[unsafe(link_section = ".init_array")]
        static REGISTER: extern "C" fn() = {
            extern "C" fn register() {
                __private::register::<#kind>();
            }
            register
        };
    };
    (register, call)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(hook: fn(TokenStream, TokenStream) -> TokenStream, text: &str) -> String {
        hook(TokenStream::new(), text.parse().unwrap()).to_string().replace(' ', "")
    }

    #[test]
    fn the_second_argument_says_what_an_instance_keeps() {
        let rows = [
            ("fn f(s: &Session) -> Decision {}", None),
            ("fn f(s: &Session, c: &Config) -> Decision {}", Some("Configured<Config>")),
            ("fn f(s: &Session, c: &mut my::State) -> Decision {}", Some("Stateful<my::State>")),
        ];
        for (text, expected) in rows {
            let found = expanded(auth, text);
            assert!(found.contains("__private::check::export!"), "{text}: {found}");
            assert_eq!(found.contains("REGISTER"), expected.is_some(), "{text}: {found}");
            assert!(found.contains(expected.unwrap_or_default()), "{text}: {found}");
        }
    }

    #[test]
    fn a_wrong_signature_is_told() {
        let rows = [
            ("fn f() {}", "takes`&Session`"),
            ("fn f(s: Session) {}", "takes`&Session`"),
            ("fn f(s: &Session, c: Config) {}", "takes`&Session`"),
            ("fn f(s: &Session, c: &Config, n: u8) {}", "takes`&Session`"),
        ];
        for (text, expected) in rows {
            let found = expanded(auth, text);
            assert!(found.contains("compile_error!") && found.contains(expected), "{text}: {found}");
        }
        assert!(expanded(router, "fn f(s: Session) {}").contains("arouterhooktakes`&Session`"));
        assert!(
            expanded(router, "fn f(s: &Session, c: &C) -> Option<Route> {}").contains("__private::routing::export!")
        );
        assert!(expanded(revoke, "fn f(a: &A, b: &B) {}").contains("compile_error!"));
        assert!(
            auth(
                quote!(x),
                quote!(
                    fn f(s: &Session) {}
                )
            )
            .to_string()
            .contains("takes nothing")
        );
    }
}
