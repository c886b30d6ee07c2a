//! Expands `#[export]` above the `impl` of an optional ability: the `impl` as it is, and the export that calls it.

use crate::function::Mistake;
use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::{format_ident, quote};

pub fn export(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let exported = match arguments.into_iter().next() {
        Some(first) => Err(Mistake::new(first.span(), "`#[export]` takes nothing in parentheses")),
        None => Implementation::parse(&item).and_then(|implementation| implementation.export()),
    };
    let exported = exported.unwrap_or_else(|mistake| mistake.tokens());
    quote! { #item #exported }
}

/// `impl path::Trait for Type`.
struct Implementation {
    ability: String,
    span: Span,
    state: TokenStream,
}

const WANTED: &str = "`#[export]` belongs above `impl Tick for ...`, `SelfTest`, `Reconfigure` or `SaveState`";

impl Implementation {
    fn parse(item: &TokenStream) -> Result<Self, Mistake> {
        let mut tokens = item.clone().into_iter();
        let is_word = |token: &TokenTree, text: &str| matches!(token, TokenTree::Ident(word) if word == text);
        if !tokens.any(|token| is_word(&token, "impl")) {
            return Err(Mistake::new(Span::call_site(), WANTED));
        }
        // The last word before `for` is the trait's name.
        let mut ability = None;
        for token in tokens.by_ref() {
            match token {
                TokenTree::Ident(word) if word == "for" => break,
                TokenTree::Ident(word) => ability = Some(word),
                _ => {}
            }
        }
        let Some(ability) = ability else { return Err(Mistake::new(Span::call_site(), WANTED)) };
        let body = |token: &TokenTree| match token {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            token => is_word(token, "where"),
        };
        let state: TokenStream = tokens.take_while(|token| !body(token)).collect();
        if state.is_empty() {
            return Err(Mistake::new(ability.span(), WANTED));
        }
        Ok(Self { ability: ability.to_string(), span: ability.span(), state })
    }

    fn export(&self) -> Result<TokenStream, Mistake> {
        let state = &self.state;
        let (module, functions) = match self.ability.as_str() {
            "Tick" => (
                "tick",
                quote! {
                    fn interval_ms() -> u32 { __private::interval::<#state>() }
                    fn tick() -> ::core::result::Result<(), ::std::string::String> { __private::ticked::<#state>() }
                },
            ),
            "SelfTest" => (
                "self_test",
                quote!(fn run() -> ::core::result::Result<(), ::std::string::String> { __private::tested::<#state>() }),
            ),
            "Reconfigure" => (
                "reconfigure",
                quote! {
                    fn reconfigure() -> ::core::result::Result<(), ::std::string::String> {
                        __private::reconfigured::<#state>()
                    }
                },
            ),
            "SaveState" => (
                "state",
                quote! {
                    fn save() -> ::core::result::Result<::std::vec::Vec<u8>, ::std::string::String> {
                        __private::save::<#state>()
                    }
                    fn restore(saved: ::std::vec::Vec<u8>) -> ::core::result::Result<(), ::std::string::String> {
                        __private::restore::<#state>(&saved)
                    }
                },
            ),
            _ => return Err(Mistake::new(self.span, WANTED)),
        };
        let (module, ability) = (format_ident!("{module}"), format_ident!("{}", self.ability));
        Ok(quote! {
            #[allow(unsafe_code)]
            const _: () = {
                use ::wasmcast_plugin::__private;
                struct __Exported;
                impl ::wasmcast_plugin::Exported<__private::ability::#ability> for #state {}
                impl __private::#module::Guest for __Exported { #functions }
                #[cfg(target_arch = "wasm32")]
                __private::#module::export!(__Exported with_types_in ::wasmcast_plugin::__private::#module);
            };
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> String {
        export(TokenStream::new(), text.parse().unwrap()).to_string().replace(' ', "")
    }

    #[test]
    fn each_ability_has_its_interface() {
        let rows = [
            ("impl Tick for State {}", "__private::tick::Guest", "interval::<State>"),
            ("impl wasmcast_plugin::SelfTest for my::State {}", "__private::self_test::Guest", "tested::<my::State>"),
            ("#[allow(x)] impl Reconfigure for S {}", "__private::reconfigure::Guest", "reconfigured::<S>"),
            ("impl SaveState for S where S: Sized {}", "__private::state::Guest", "restore::<S>"),
        ];
        for (text, interface, call) in rows {
            let found = expanded(text);
            assert!(found.contains(interface) && found.contains(call), "{text}: {found}");
        }
    }

    #[test]
    fn nothing_else_can_be_exported() {
        for text in ["struct S;", "impl S {}", "impl Plugin for S {}", "fn f() {}"] {
            let found = expanded(text);
            assert!(found.contains("compile_error!") && found.contains("belongsabove"), "{text}: {found}");
        }
    }
}
