//! Expands `#[ratelimit]` and `#[decide]`: the function as it is, and beside it the export that calls it.

use crate::function::{Argument, Function, Mistake, Passing};
use crate::hook::{around, kept, none, with_item};
use crate::section::describe;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

pub fn ratelimit(arguments: TokenStream, item: TokenStream) -> TokenStream {
    with_item(&item, rules_export(&arguments, &item))
}

pub fn decide(arguments: TokenStream, item: TokenStream) -> TokenStream {
    with_item(&item, decide_export(&arguments, &item))
}

fn rules_export(arguments: &TokenStream, item: &TokenStream) -> Result<TokenStream, Mistake> {
    const WANTED: &str = "a ratelimit hook takes `&Config`, `&mut State` or nothing";
    none(arguments, "ratelimit")?;
    let function = Function::parse(item)?;
    let name = &function.name;
    let (kept, call) = match function.arguments.as_slice() {
        [] => (None, quote!(#name())),
        [only] => (Some(kept(only, WANTED)?), quote!(#name(kept))),
        [_, second, ..] => return Err(Mistake::new(second.span, WANTED)),
    };
    let answer = quote_spanned!(name.span()=> ::wasmcast_plugin::__private::IntoRules::into_rules(#call));
    let (registered, answer) = around(kept.as_ref(), &answer);
    let description = describe();
    let result = quote!(::core::result::Result<::std::vec::Vec<__private::rules::Rule>, ::std::string::String>);
    Ok(quote! {
        // Natively nothing calls what is exported: it is no dead code all the same.
        #[allow(dead_code)]
        #[allow(unsafe_code)]
        const _: () = {
            use ::wasmcast_plugin::__private;
            struct __Exported;
            impl __private::rules::Guest for __Exported {
                fn rules() -> #result {
                    match #answer {
                        ::core::result::Result::Ok(rules) => {
                            ::core::result::Result::Ok(rules.into_iter().map(::core::convert::Into::into).collect())
                        }
                        ::core::result::Result::Err(error) => ::core::result::Result::Err(error.to_string()),
                    }
                }
            }
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn() -> #result = <__Exported as __private::rules::Guest>::rules;
            #[cfg(target_arch = "wasm32")]
            __private::rules::export!(__Exported with_types_in ::wasmcast_plugin::__private::rules);
            #registered
            #description
        };
    })
}

fn decide_export(arguments: &TokenStream, item: &TokenStream) -> Result<TokenStream, Mistake> {
    const WANTED: &str = "a decide hook takes `&Session`, `&str` and, if it needs it, `&Config` or `&mut State`";
    none(arguments, "decide")?;
    let function = Function::parse(item)?;
    let name = &function.name;
    let (kept, call) = match function.arguments.as_slice() {
        [Argument { passing: Passing::Shared, .. }, Argument { passing: Passing::Shared, .. }] => {
            (None, quote!(#name(session, &rule)))
        }
        [Argument { passing: Passing::Shared, .. }, Argument { passing: Passing::Shared, .. }, third] => {
            (Some(kept(third, WANTED)?), quote!(#name(session, &rule, kept)))
        }
        [] => return Err(Mistake::new(name.span(), WANTED)),
        [first, ..] => return Err(Mistake::new(first.span, WANTED)),
    };
    let answer = quote_spanned!(name.span()=> ::wasmcast_plugin::__private::IntoVerdict::into_verdict(#call));
    let (registered, answer) = around(kept.as_ref(), &answer);
    let description = describe();
    let result = quote!(::core::result::Result<__private::decide::Verdict, ::std::string::String>);
    Ok(quote! {
        // Natively nothing calls what is exported: it is no dead code all the same.
        #[allow(dead_code)]
        #[allow(unsafe_code)]
        const _: () = {
            use ::wasmcast_plugin::__private;
            struct __Exported;
            impl __private::decide::Guest for __Exported {
                fn decide(session: &__private::Session, rule: ::std::string::String) -> #result {
                    match #answer {
                        ::core::result::Result::Ok(verdict) => {
                            ::core::result::Result::Ok(::core::convert::Into::into(verdict))
                        }
                        ::core::result::Result::Err(error) => ::core::result::Result::Err(error.to_string()),
                    }
                }
            }
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn(&__private::Session, ::std::string::String) -> #result =
                <__Exported as __private::decide::Guest>::decide;
            #[cfg(target_arch = "wasm32")]
            __private::decide::export!(__Exported with_types_in ::wasmcast_plugin::__private::decide);
            #registered
            #description
        };
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(hook: fn(TokenStream, TokenStream) -> TokenStream, text: &str) -> String {
        hook(TokenStream::new(), text.parse().unwrap()).to_string().replace(' ', "")
    }

    #[test]
    fn signatures_say_what_an_instance_keeps() {
        let rows = [
            (ratelimit as fn(_, _) -> _, "fn f() -> Vec<Rule> {}", None),
            (ratelimit, "fn f(c: &Config) -> Vec<Rule> {}", Some("Configured<Config>")),
            (ratelimit, "fn f(s: &mut State) -> Result<Vec<Rule>> {}", Some("Stateful<State>")),
            (decide, "fn f(s: &Session, rule: &str) -> Verdict {}", None),
            (decide, "fn f(s: &Session, rule: &str, c: &Config) -> Verdict {}", Some("Configured<Config>")),
        ];
        for (hook, text, expected) in rows {
            let found = expanded(hook, text);
            assert!(found.contains("::export!") && !found.contains("compile_error!"), "{text}: {found}");
            assert_eq!(found.contains("REGISTER"), expected.is_some(), "{text}: {found}");
            assert!(found.contains(expected.unwrap_or_default()), "{text}: {found}");
        }
    }

    #[test]
    fn a_wrong_signature_is_told() {
        let rows = [
            (ratelimit as fn(_, _) -> _, "fn f(c: Config) {}", "takes`&Config`"),
            (ratelimit, "fn f(c: &Config, s: &mut State) {}", "takes`&Config`"),
            (decide, "fn f(s: &Session) {}", "takes`&Session`,`&str`"),
            (decide, "fn f(s: &Session, rule: String) {}", "takes`&Session`,`&str`"),
        ];
        for (hook, text, expected) in rows {
            let found = expanded(hook, text);
            assert!(found.contains("compile_error!") && found.contains(expected), "{text}: {found}");
        }
    }
}
