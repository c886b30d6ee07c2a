//! Reads a Rust file just well enough to know which modules and crates it names.

/// One source file: as written, and with comments and literals blanked out.
pub struct Source {
    /// Path relative to the folder that was searched, with `/`.
    pub path: String,
    pub text: String,
    /// Same length and lines as `text`; comments, strings and characters are spaces.
    pub code: String,
}

/// A name found at a line, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub struct Mention {
    pub name: String,
    pub line: usize,
}

impl Source {
    pub fn new(path: String, text: String) -> Self {
        let code = blank_literals(&text);
        Self { path, text, code }
    }

    /// The top-level module this file belongs to: `shard` for `shard/sessions.rs`, `main` for `main.rs`.
    pub fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or(&self.path);
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// Levels below the crate root: 1 for `hub/mod.rs` and `server.rs`, 2 for `hub/ring.rs`.
    fn depth(&self) -> usize {
        let parts: Vec<&str> = self.path.trim_end_matches(".rs").split('/').collect();
        parts.len() - usize::from(parts.last() == Some(&"mod"))
    }

    /// Top-level modules named by `crate::x`, `wasmcast::x`, `crate::{x, y::z}` or enough `super::`.
    pub fn modules(&self) -> Vec<Mention> {
        let mut found = Vec::new();
        let tokens = tokens(&self.code);
        let mut at = 0;
        while at < tokens.len() {
            let starts_path = at == 0 || tokens[at - 1].text != "::";
            let mut next = at + 1;
            let at_root = match tokens[at].text {
                "crate" | "wasmcast" => starts_path,
                "super" if starts_path => {
                    let mut climbed = 1;
                    while text(&tokens, next) == "::" && text(&tokens, next + 1) == "super" {
                        (climbed, next) = (climbed + 1, next + 2);
                    }
                    climbed >= self.depth()
                }
                _ => false,
            };
            if at_root && text(&tokens, next) == "::" {
                first_names(&tokens, next + 1, &mut found);
            }
            at = next;
        }
        found
    }

    /// Places where `name` is used as a crate: `name::...`, `use name;` or `use name as ...`.
    pub fn uses_of_crate(&self, name: &str) -> Vec<usize> {
        let tokens = tokens(&self.code);
        if declares_locally(&tokens, name) {
            return Vec::new();
        }
        let mut lines = Vec::new();
        for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.text == name) {
            let (before, after) = (text(&tokens, at.wrapping_sub(1)), text(&tokens, at + 1));
            let absolute = before == "::" && !is_word(text(&tokens, at.wrapping_sub(2)));
            let path_start = before != "::" && before != "." && after == "::";
            let whole_crate = matches!(before, "use" | "crate") && matches!(after, ";" | "as");
            if absolute || path_start || whole_crate {
                lines.push(token.line);
            }
        }
        lines
    }

    /// Names of crates in this file that begin with `prefix`, each once a line.
    pub fn words_with_prefix(&self, prefix: &str) -> Vec<Mention> {
        let mut found: Vec<Mention> = Vec::new();
        for token in tokens(&self.code).iter().filter(|token| token.text.starts_with(prefix)) {
            if !found.iter().any(|seen| seen.name == token.text) {
                found.push(Mention { name: token.text.to_owned(), line: token.line });
            }
        }
        found
    }

    /// Lines that hold `word` as code.
    pub fn lines_with(&self, word: &str) -> Vec<usize> {
        tokens(&self.code).iter().filter(|token| token.text == word).map(|token| token.line).collect()
    }
}

struct Token<'a> {
    text: &'a str,
    line: usize,
}

fn text<'a>(tokens: &[Token<'a>], at: usize) -> &'a str {
    tokens.get(at).map_or("", |token| token.text)
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Words, `::`, and every other visible character by itself.
fn tokens(code: &str) -> Vec<Token<'_>> {
    let (mut tokens, mut line, mut at) = (Vec::new(), 1, 0);
    let bytes = code.as_bytes();
    while at < bytes.len() {
        let rest = &code[at..];
        let word = rest.len() - rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').len();
        let length = if word > 0 {
            word
        } else if rest.starts_with("::") {
            2
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        if bytes[at] == b'\n' {
            line += 1;
        } else if !bytes[at].is_ascii_whitespace() {
            tokens.push(Token { text: &rest[..length], line });
        }
        at += length;
    }
    tokens
}

/// The first name of the path at `at`, or of each path of the group that opens there.
fn first_names(tokens: &[Token<'_>], at: usize, found: &mut Vec<Mention>) {
    if text(tokens, at) != "{" {
        if is_word(text(tokens, at)) {
            found.push(Mention { name: tokens[at].text.to_owned(), line: tokens[at].line });
        }
        return;
    }
    let (mut depth, mut expects_name) = (0, false);
    for token in &tokens[at..] {
        match token.text {
            "{" => (depth, expects_name) = (depth + 1, depth == 0),
            "}" if depth == 1 => return,
            "}" => depth -= 1,
            "," if depth == 1 => expects_name = true,
            name if depth == 1 && expects_name && is_word(name) => {
                found.push(Mention { name: name.to_owned(), line: token.line });
                expects_name = false;
            }
            _ => {}
        }
    }
}

/// Whether `name` is a module of ours in this file: declared here, or imported from a path of ours.
fn declares_locally(tokens: &[Token<'_>], name: &str) -> bool {
    let mut ours = false;
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "mod" if text(tokens, at + 1) == name => return true,
            "use" => ours = matches!(text(tokens, at + 1), "crate" | "super" | "self" | "wasmcast"),
            ";" => ours = false,
            word if ours && word == name && text(tokens, at + 1) != "::" => return true,
            _ => {}
        }
    }
    false
}

/// Replaces comments and the contents of literals by spaces and keeps every newline where it is.
fn blank_literals(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// The index after the comment or literal that begins at `at`, or `at` where none begins.
fn literal_end(chars: &[char], at: usize) -> usize {
    let next = |offset: usize| chars.get(at + offset).copied().unwrap_or('\0');
    let find =
        |from: usize, stop: &dyn Fn(usize) -> bool| (from..chars.len()).find(|&i| stop(i)).unwrap_or(chars.len());
    let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match (chars[at], next(1)) {
        ('/', '/') => find(at, &|i| chars[i] == '\n'),
        ('/', '*') => {
            let (mut depth, mut i) = (0, at);
            while i < chars.len() {
                match (chars[i], chars.get(i + 1)) {
                    ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
                    ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
                    _ => i += 1,
                }
                if depth == 0 {
                    return i;
                }
            }
            chars.len()
        }
        ('"', _) => {
            let mut i = at + 1;
            while i < chars.len() && chars[i] != '"' {
                i += if chars[i] == '\\' { 2 } else { 1 };
            }
            (i + 1).min(chars.len())
        }
        ('r', '"' | '#') if !in_word || chars[at - 1] == 'b' => {
            let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
            if chars.get(at + 1 + hashes) != Some(&'"') {
                return at;
            }
            let closes =
                |i: usize| chars[i] == '"' && chars[i + 1..].iter().take_while(|&&c| c == '#').count() >= hashes;
            (find(at + 2 + hashes, &closes) + 1 + hashes).min(chars.len())
        }
        ('\'', '\\') => find(at + 3, &|i| chars[i] == '\'') + 1,
        ('\'', _) if next(2) == '\'' => at + 3,
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    fn modules(path: &str, text: &str) -> Vec<String> {
        Source::new(path.into(), text.into()).modules().into_iter().map(|mention| mention.name).collect()
    }

    #[test]
    fn finds_the_modules_that_a_file_names() {
        let rows: &[(&str, &str, &[&str])] = &[
            ("hub/ring.rs", "use crate::media::Packet;", &["media"]),
            (
                "hub/ring.rs",
                "use crate::{media::{Packet, Codec}, task, observe::log as l};",
                &["media", "task", "observe"],
            ),
            ("hub/ring.rs", "fn f() -> crate::shard::Id { crate :: http::x() }", &["shard", "http"]),
            ("main.rs", "use wasmcast::server;", &["server"]),
            ("hub/ring.rs", "use super::super::http::Router; use super::stream::Stream;", &["http"]),
            ("hub/mod.rs", "use super::http;", &["http"]),
            ("hub/a/b.rs", "use super::super::stream::Stream;", &[]),
            (
                "hub/ring.rs",
                "// crate::http\n/* crate::http /* crate::http */ */ \"crate::http\" r#\"crate::http \"\"#",
                &[],
            ),
            (
                "hub/ring.rs",
                "let c = '\"'; use crate::media; let d = '\\''; let e: &'static str = \"crate::http\";",
                &["media"],
            ),
            ("hub/ring.rs", "use other::crate_thing; pub(crate) fn x() {} macro!($crate::media)", &["media"]),
        ];
        for (path, text, expected) in rows {
            assert_eq!(modules(path, text), *expected, "{text}");
        }
    }

    #[test]
    fn tells_a_crate_from_a_module_of_the_same_name() {
        let rows: &[(&str, bool)] = &[
            ("use opus::Encoder;", true),
            ("use {std::fs, opus::Encoder};", true),
            ("fn f() { ::opus::x() }", true),
            ("use opus as o;", true),
            ("mod opus; fn f() { opus::x() }", false),
            ("use super::opus; fn f() { opus::x() }", false),
            ("use crate::codec::{h264, opus}; fn f() { opus::x() }", false),
            ("use crate::codec::opus::Encoder;", false),
            ("fn f() { self.opus::<u8>() }", false),
            ("let opus = 1; // use opus::x;", false),
        ];
        for (text, expected) in rows {
            let source = Source::new("hub/ring.rs".into(), (*text).into());
            assert_eq!(!source.uses_of_crate("opus").is_empty(), *expected, "{text}");
        }
    }

    #[test]
    fn keeps_line_numbers_over_comments_and_strings() {
        let source = Source::new("hub/ring.rs".into(), "/* a\nb */\n\"x\ny\"\nuse crate::http;".into());
        assert_eq!(source.modules()[0].line, 5);
        assert_eq!(source.code.lines().count(), source.text.lines().count());
    }
}
