//! Expands `Deserialize` and `Serialize` to serde's own, told where serde is: plugins have no dependency on it.
//!
//! A derive macro can add no attribute to its item. So it derives for a copy of the item, as serde does for types of other
//! crates (`remote`), and implements the trait by that copy.

use crate::function::Mistake;
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::quote;

pub fn deserialize(item: TokenStream) -> TokenStream {
    let (name, copy) = match copied(item) {
        Ok(copied) => copied,
        Err(mistake) => return mistake.tokens(),
    };
    let text = name.to_string();
    quote! {
        const _: () = {
            #[derive(::wasmcast_plugin::serde::Deserialize)]
            #[serde(crate = "::wasmcast_plugin::serde", remote = #text, rename = #text)]
            #[allow(dead_code)]
            #copy
            impl<'de> ::wasmcast_plugin::serde::de::Deserialize<'de> for #name {
                fn deserialize<D>(deserializer: D) -> ::core::result::Result<Self, D::Error>
                where
                    D: ::wasmcast_plugin::serde::de::Deserializer<'de>,
                {
                    __Copy::deserialize(deserializer)
                }
            }
        };
    }
}

pub fn serialize(item: TokenStream) -> TokenStream {
    let (name, copy) = match copied(item) {
        Ok(copied) => copied,
        Err(mistake) => return mistake.tokens(),
    };
    let text = name.to_string();
    quote! {
        const _: () = {
            #[derive(::wasmcast_plugin::serde::Serialize)]
            #[serde(crate = "::wasmcast_plugin::serde", remote = #text, rename = #text)]
            #[allow(dead_code)]
            #copy
            impl ::wasmcast_plugin::serde::ser::Serialize for #name {
                fn serialize<S>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error>
                where
                    S: ::wasmcast_plugin::serde::ser::Serializer,
                {
                    __Copy::serialize(self, serializer)
                }
            }
        };
    }
}

/// The item's name, and the item under the name `__Copy` with no attributes but serde's.
fn copied(item: TokenStream) -> Result<(Ident, TokenStream), Mistake> {
    let mut tokens: Vec<TokenTree> = only_serde(item).into_iter().collect();
    let keyword = tokens.iter().position(|token| match token {
        TokenTree::Ident(word) => word == "struct" || word == "enum",
        _ => false,
    });
    let Some((keyword, TokenTree::Ident(name))) =
        keyword.map(|at| (at, tokens.get(at + 1).cloned())).and_then(|(at, token)| token.map(|token| (at, token)))
    else {
        return Err(Mistake::new(Span::call_site(), "only a struct or an enum can be read or written by serde"));
    };
    if matches!(tokens.get(keyword + 2), Some(TokenTree::Punct(mark)) if mark.as_char() == '<') {
        let text =
            "for a type with parameters add serde to Cargo.toml and derive its own: `#[derive(serde::Deserialize)]`";
        return Err(Mistake::new(name.span(), text));
    }
    tokens[keyword + 1] = TokenTree::Ident(Ident::new("__Copy", name.span()));
    for token in &mut tokens[..keyword] {
        if let TokenTree::Group(attribute) = token {
            *attribute = with_default_of(&name, attribute);
        }
    }
    Ok((name, tokens.into_iter().collect()))
}

/// `#[serde(default)]` of the whole item asks for the default of the copy, which has none: so it is told the item's own.
fn with_default_of(name: &Ident, attribute: &Group) -> Group {
    let mut changed = Vec::new();
    let mut tokens = attribute.stream().into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(arguments) if arguments.delimiter() == Delimiter::Parenthesis => {
                changed.push(TokenTree::Group(with_default_of(name, &arguments)));
            }
            TokenTree::Ident(word) if word == "default" => {
                let has_path = matches!(tokens.peek(), Some(TokenTree::Punct(mark)) if mark.as_char() == '=');
                changed.push(TokenTree::Ident(word));
                if !has_path {
                    let path = format!("<{name} as ::core::default::Default>::default");
                    changed.extend(quote!(= #path));
                }
            }
            token => changed.push(token),
        }
    }
    let mut group = Group::new(attribute.delimiter(), changed.into_iter().collect());
    group.set_span(attribute.span());
    group
}

/// Leaves out all attributes but `#[serde(...)]`, in fields and variants too: the copy is read by serde alone.
fn only_serde(tokens: TokenStream) -> TokenStream {
    let mut kept = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let hash = matches!(&token, TokenTree::Punct(mark) if mark.as_char() == '#');
        let attribute = match tokens.peek() {
            Some(TokenTree::Group(group)) if hash && group.delimiter() == Delimiter::Bracket => Some(group.clone()),
            _ => None,
        };
        match (attribute, token) {
            (Some(group), hash) => {
                tokens.next();
                let first = group.stream().into_iter().next();
                if matches!(first, Some(TokenTree::Ident(word)) if word == "serde" || word == "cfg") {
                    kept.extend([hash, TokenTree::Group(group)]);
                }
            }
            (None, TokenTree::Group(group)) => {
                let mut inner = Group::new(group.delimiter(), only_serde(group.stream()));
                inner.set_span(group.span());
                kept.push(TokenTree::Group(inner));
            }
            (None, token) => kept.push(token),
        }
    }
    kept.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_keeps_what_serde_reads() {
        let text = "/// Doc.\n#[serde(deny_unknown_fields)] #[repr(C)] pub struct A { #[serde(default)] #[doc = \"x\"] b: u8 }";
        let (name, copy) = copied(text.parse().unwrap()).unwrap();
        assert_eq!(name, "A");
        let expected = "#[serde(deny_unknown_fields)]pubstruct__Copy{#[serde(default)]b:u8}";
        assert_eq!(copy.to_string().replace(' ', ""), expected);
    }

    #[test]
    fn the_default_of_an_item_is_its_own() {
        let expected = "default=\"<Aas::core::default::Default>::default\"";
        let rows = [
            ("#[serde(default)] struct A { b: u8 }", format!("#[serde({expected})]struct__Copy{{b:u8}}")),
            ("#[serde(x, default)] pub struct A(u8);", format!("#[serde(x,{expected})]pubstruct__Copy(u8);")),
            ("#[serde(default = \"f\")] struct A { }", "#[serde(default=\"f\")]struct__Copy{}".to_owned()),
            ("struct A { #[serde(default)] b: u8 }", "struct__Copy{#[serde(default)]b:u8}".to_owned()),
        ];
        for (text, expected) in rows {
            let (_, copy) = copied(text.parse().unwrap()).unwrap();
            assert_eq!(copy.to_string().replace(' ', ""), expected, "{text}");
        }
    }

    #[test]
    fn what_can_not_be_copied_is_refused() {
        for text in ["union U { a: u8 }", "struct P<T>(T);"] {
            assert!(deserialize(text.parse().unwrap()).to_string().contains("compile_error"), "{text}");
        }
    }
}
