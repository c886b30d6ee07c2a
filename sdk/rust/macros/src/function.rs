//! Reads the signature of a function from its tokens: as much as the hooks need, without a whole parser.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::quote_spanned;

/// A function under one of our attributes.
#[derive(Debug)]
pub struct Function {
    pub name: Ident,
    /// The types of its arguments.
    pub arguments: Vec<Argument>,
}

/// How an argument is taken.
#[derive(Debug)]
pub struct Argument {
    pub passing: Passing,
    /// The type, without the reference.
    pub kind: TokenStream,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    Shared,
    Exclusive,
    Value,
}

/// What is wrong, and where.
#[derive(Debug)]
pub struct Mistake {
    span: Span,
    text: String,
}

impl Mistake {
    pub fn new(span: Span, text: impl Into<String>) -> Self {
        Self { span, text: text.into() }
    }

    /// The compiler's error.
    pub fn tokens(&self) -> TokenStream {
        let text = &self.text;
        quote_spanned!(self.span=> ::core::compile_error!(#text);)
    }
}

impl Function {
    pub fn parse(item: &TokenStream) -> Result<Self, Mistake> {
        let mut tokens = item.clone().into_iter();
        let mut before = Vec::new();
        let keyword = loop {
            match tokens.next() {
                Some(TokenTree::Ident(word)) if word == "fn" => break word,
                Some(TokenTree::Ident(word)) => before.push(word),
                Some(_) => {}
                None => return Err(Mistake::new(Span::call_site(), "this belongs above a function")),
            }
        };
        if let Some(word) = before.iter().find(|word| *word == "async" || *word == "unsafe") {
            return Err(Mistake::new(word.span(), format!("a hook is a plain function, without `{word}`")));
        }
        let Some(TokenTree::Ident(name)) = tokens.next() else {
            return Err(Mistake::new(keyword.span(), "this belongs above a function"));
        };
        match tokens.next() {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
                let arguments = split(group.stream()).into_iter().map(argument).collect::<Result<_, _>>()?;
                Ok(Self { name, arguments })
            }
            _ => Err(Mistake::new(name.span(), "a hook takes no generic parameters")),
        }
    }
}

/// The arguments' tokens, split at commas outside of `<>`.
fn split(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut parts = vec![Vec::new()];
    let mut depth = 0usize;
    let mut arrow = false;
    for token in tokens {
        if let TokenTree::Punct(mark) = &token {
            match mark.as_char() {
                '<' => depth += 1,
                '>' if !arrow => depth = depth.saturating_sub(1),
                ',' if depth == 0 => {
                    parts.push(Vec::new());
                    continue;
                }
                _ => {}
            }
            arrow = mark.as_char() == '-';
        }
        if let Some(last) = parts.last_mut() {
            last.push(token);
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// `pattern: &'a mut Type`.
fn argument(tokens: Vec<TokenTree>) -> Result<Argument, Mistake> {
    let is = |token: &TokenTree, mark: char| matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark);
    let span = tokens.first().map_or_else(Span::call_site, TokenTree::span);
    let colon = tokens.iter().position(|token| is(token, ':'));
    let Some(colon) = colon else { return Err(Mistake::new(span, "a hook is a function, not a method")) };
    let mut kind = &tokens[colon + 1..];
    let mut passing = Passing::Value;
    if kind.first().is_some_and(|token| is(token, '&')) {
        passing = Passing::Shared;
        kind = &kind[1..];
        if kind.first().is_some_and(|token| is(token, '\'')) {
            kind = kind.get(2..).unwrap_or_default();
        }
        if kind.first().is_some_and(|token| matches!(token, TokenTree::Ident(word) if word == "mut")) {
            passing = Passing::Exclusive;
            kind = &kind[1..];
        }
    }
    let span = kind.first().map_or(span, TokenTree::span);
    Ok(Argument { passing, kind: kind.iter().cloned().collect(), span })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_read() {
        let text = "/// Doc.\n#[inline] pub(crate) fn f(s: &'a Session, _: &mut Map<u8, fn(u8) -> u8>, n: u32,) -> Result<X> {}";
        let function = Function::parse(&text.parse().unwrap()).unwrap();
        assert_eq!(function.name, "f");
        let found: Vec<_> = function.arguments.iter().map(|a| (a.passing, a.kind.to_string())).collect();
        assert_eq!(found[0], (Passing::Shared, "Session".to_owned()));
        assert_eq!(found[1].0, Passing::Exclusive);
        assert_eq!(found[1].1.replace(' ', ""), "Map<u8,fn(u8)->u8>");
        assert_eq!(found[2], (Passing::Value, "u32".to_owned()));
    }

    #[test]
    fn what_is_no_hook_is_refused() {
        let rows = [
            ("struct X;", "above a function"),
            ("async fn f() {}", "without `async`"),
            ("fn f<T>(t: T) {}", "no generic parameters"),
            ("fn f(&self) {}", "not a method"),
        ];
        for (text, expected) in rows {
            let mistake = Function::parse(&text.parse().unwrap()).unwrap_err();
            assert!(mistake.text.contains(expected), "{text}: {}", mistake.text);
        }
    }
}
