//! Expands `#[observer]`: the function as it is, and beside it the export that calls it; what it takes says which.

use crate::function::{Function, Mistake, Passing};
use crate::hook::{around, kept, none, with_item};
use crate::section::describe;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

const WANTED: &str =
    "an observer takes `&[Event]` or `&Stats`, and, if it needs it, `&Config` or `&mut State`: a function for each";

pub fn observer(arguments: TokenStream, item: TokenStream) -> TokenStream {
    with_item(&item, export(&arguments, &item))
}

fn export(arguments: &TokenStream, item: &TokenStream) -> Result<TokenStream, Mistake> {
    none(arguments, "observer")?;
    let function = Function::parse(item)?;
    let name = &function.name;
    let (first, kept, call) = match function.arguments.as_slice() {
        [first] => (first, None, quote!(#name(told))),
        [first, second] => (first, Some(kept(second, WANTED)?), quote!(#name(told, kept))),
        [] => return Err(Mistake::new(name.span(), WANTED)),
        [_, _, third, ..] => return Err(Mistake::new(third.span, WANTED)),
    };
    // The type's last word, however it is named in full: `[wasmcast_plugin::Event]`.
    let kind = first.kind.to_string();
    let word = kind.trim_matches(|c: char| !c.is_alphanumeric()).rsplit(|c: char| !c.is_alphanumeric()).next();
    let is_slice = kind.trim_start().starts_with('[');
    let answer = quote_spanned!(name.span()=> ::wasmcast_plugin::__private::IntoTaken::into_taken(#call));
    let (registered, answer) = around(kept.as_ref(), &answer);
    let description = describe();
    let (module, exported) = match (first.passing, is_slice, word) {
        (Passing::Shared, true, Some("Event")) => {
            let result = quote!(::core::result::Result<(), ::std::string::String>);
            let types = quote!(fn(::std::vec::Vec<__private::events::Event>) -> #result);
            let body = quote! {
                impl __private::events::Guest for __Exported {
                    fn on_events(batch: ::std::vec::Vec<__private::events::Event>) -> #result {
                        let told: ::std::vec::Vec<__private::Event> =
                            batch.into_iter().map(::core::convert::Into::into).collect();
                        let told: &[__private::Event] = &told;
                        match #answer {
                            ::core::result::Result::Ok(()) => ::core::result::Result::Ok(()),
                            ::core::result::Result::Err(error) => ::core::result::Result::Err(error.to_string()),
                        }
                    }
                }
                #[cfg(not(target_arch = "wasm32"))]
                const _: #types = <__Exported as __private::events::Guest>::on_events;
            };
            (quote!(events), body)
        }
        (Passing::Shared, false, Some("Stats")) => {
            let body = quote! {
                impl __private::stats::Guest for __Exported {
                    fn on_stats(unix_ns: u64, batch: ::std::vec::Vec<__private::stats::TrackStats>) {
                        let told = __private::Stats::new(unix_ns, batch);
                        let told: &__private::Stats = &told;
                        if let ::core::result::Result::Err(error) = #answer {
                            __private::not_taken(&error);
                        }
                    }
                }
                #[cfg(not(target_arch = "wasm32"))]
                const _: fn(u64, ::std::vec::Vec<__private::stats::TrackStats>) =
                    <__Exported as __private::stats::Guest>::on_stats;
            };
            (quote!(stats), body)
        }
        _ => return Err(Mistake::new(first.span, WANTED)),
    };
    Ok(quote! {
        // Natively nothing calls what is exported: it is no dead code all the same.
        #[allow(dead_code)]
        #[allow(unsafe_code)]
        const _: () = {
            use ::wasmcast_plugin::__private;
            struct __Exported;
            #exported
            #[cfg(target_arch = "wasm32")]
            __private::#module::export!(__Exported with_types_in ::wasmcast_plugin::__private::#module);
            #registered
            #description
        };
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> String {
        observer(TokenStream::new(), text.parse().unwrap()).to_string().replace(' ', "")
    }

    #[test]
    fn the_first_argument_says_what_is_observed() {
        let rows = [
            ("fn f(batch: &[Event]) -> Result<()> {}", "__private::events::export!", None),
            ("fn f(b: &[wasmcast_plugin::Event], s: &mut State) {}", "events::export!", Some("Stateful<State>")),
            ("fn f(s: &Stats, c: &Config) {}", "__private::stats::export!", Some("Configured<Config>")),
        ];
        for (text, module, kept) in rows {
            let found = expanded(text);
            assert!(found.contains(module) && found.contains(kept.unwrap_or_default()), "{text}: {found}");
            assert_eq!(found.contains("REGISTER"), kept.is_some(), "{text}");
        }
    }

    #[test]
    fn a_wrong_signature_is_told() {
        for text in [
            "fn f() {}",
            "fn f(e: Event) {}",
            "fn f(e: &Event) {}",
            "fn f(e: &[Session]) {}",
            "fn f(e: &[Event], c: Config) {}",
            "fn f(e: &[Event], c: &C, d: &D) {}",
            "fn f(s: &mut Stats) {}",
        ] {
            let found = expanded(text);
            assert!(found.contains("compile_error!") && found.contains("anobservertakes"), "{text}: {found}");
        }
    }
}
