//! From what the compiler left to the file for the plugin directory: a component with its label, and names that can be read.

use serde_json::{Map, Value};
use std::borrow::Cow;
use wasmcast::plugin;

/// A function's longest name, in bytes: generics can make them very long.
const MAX_NAME: usize = 100;
const CUSTOM: u8 = 0;
/// The subsection of `name` that holds the functions' names.
const FUNCTIONS: u8 = 1;

/// Why the compiler's file can not be a plugin.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    #[error("the compiler's file is cut off or damaged")]
    Damaged,
    #[error(transparent)]
    Component(#[from] plugin::InspectError),
}

/// What the label adds to what the SDK's macros wrote.
pub struct Origin<'a> {
    pub name: &'a str,
    pub version: &'a str,
    /// `rustc 1.96.0`; empty if unknown.
    pub built_with: &'a str,
}

/// Makes the component of a core module. Other components stay as they are, but get a label.
pub fn finish(module: &[u8], origin: &Origin<'_>) -> Result<Vec<u8>, ArtifactError> {
    let mut label = Map::new();
    let core = tidied(module, &mut label)?;
    let (component, _) = plugin::component(&core)?;
    let mut component = component.into_owned();
    let defaults = [("name", origin.name), ("version", origin.version), ("built_with", origin.built_with)];
    for (key, value) in defaults.into_iter().filter(|(_, value)| !value.is_empty()) {
        label.entry(key).or_insert_with(|| value.into());
    }
    section(&mut component, CUSTOM, &custom(plugin::SECTION, Value::Object(label).to_string().as_bytes()));
    Ok(component)
}

/// The module with short names of functions and without the label, which goes to the outside of the component.
fn tidied<'a>(module: &'a [u8], label: &mut Map<String, Value>) -> Result<Cow<'a, [u8]>, ArtifactError> {
    const HEADER: usize = 8;
    // The version tells modules (1) from components.
    if module.get(4..HEADER) != Some(&[1, 0, 0, 0]) {
        return Ok(module.into());
    }
    let mut tidy = module[..HEADER].to_vec();
    let mut rest = Bytes(&module[HEADER..]);
    while !rest.0.is_empty() {
        let id = rest.byte()?;
        let content = rest.sized()?;
        if id != CUSTOM {
            section(&mut tidy, id, content);
            continue;
        }
        let mut data = Bytes(content);
        match data.sized()? {
            name if name == plugin::SECTION.as_bytes() => read_label(data.0, label),
            b"name" => section(&mut tidy, CUSTOM, &custom("name", &short_names(data)?)),
            _ => section(&mut tidy, CUSTOM, content),
        }
    }
    Ok(tidy.into())
}

/// The first of the lines that the hooks of a plugin wrote; they are all alike.
fn read_label(data: &[u8], label: &mut Map<String, Value>) {
    let first = serde_json::Deserializer::from_slice(data).into_iter::<Map<String, Value>>().next();
    if let Some(Ok(found)) = first {
        label.extend(found);
    }
}

/// The functions' names as people write them, and nothing of the other names, which only a debugger wants.
fn short_names(mut names: Bytes<'_>) -> Result<Vec<u8>, ArtifactError> {
    let mut short = Vec::new();
    while !names.0.is_empty() {
        let id = names.byte()?;
        let mut content = Bytes(names.sized()?);
        if id != FUNCTIONS {
            continue;
        }
        let count = content.number()?;
        let mut functions = Vec::new();
        number(&mut functions, count);
        for _ in 0..count {
            number(&mut functions, content.number()?);
            let name = readable(&String::from_utf8_lossy(content.sized()?));
            number(&mut functions, name.len());
            functions.extend_from_slice(name.as_bytes());
        }
        section(&mut short, FUNCTIONS, &functions);
    }
    Ok(short)
}

/// `auth::geo::lookup` of what the compiler made of it.
fn readable(symbol: &str) -> String {
    let mut name = format!("{:#}", rustc_demangle::demangle(symbol));
    name.truncate(name.floor_char_boundary(MAX_NAME));
    name
}

fn custom(name: &str, data: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(name.len() + data.len() + 5);
    number(&mut content, name.len());
    content.extend_from_slice(name.as_bytes());
    content.extend_from_slice(data);
    content
}

fn section(out: &mut Vec<u8>, id: u8, content: &[u8]) {
    out.push(id);
    number(out, content.len());
    out.extend_from_slice(content);
}

/// LEB128.
fn number(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let byte = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        if value == 0 {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}

/// What is left to be read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> Result<u8, ArtifactError> {
        let (first, rest) = self.0.split_first().ok_or(ArtifactError::Damaged)?;
        self.0 = rest;
        Ok(*first)
    }

    /// LEB128 of 32 bits.
    fn number(&mut self) -> Result<usize, ArtifactError> {
        let mut value = 0_usize;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ArtifactError::Damaged)
    }

    /// Bytes with their number before them.
    fn sized(&mut self) -> Result<&'a [u8], ArtifactError> {
        let length = self.number()?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(ArtifactError::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module of custom sections only.
    fn module(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        for (name, data) in sections {
            section(&mut module, CUSTOM, &custom(name, data));
        }
        module
    }

    fn names(all: &[(u8, &str)]) -> Vec<u8> {
        let mut functions = vec![u8::try_from(all.len()).unwrap()];
        for (index, name) in all {
            functions.push(*index);
            number(&mut functions, name.len());
            functions.extend_from_slice(name.as_bytes());
        }
        let mut data = Vec::new();
        section(&mut data, 0, b"\x01m");
        section(&mut data, FUNCTIONS, &functions);
        section(&mut data, 2, &[0]);
        data
    }

    #[test]
    fn the_label_leaves_and_names_become_readable() {
        let long = "x".repeat(500);
        let mangled = [(0, "_RNvNtCsfqAI2fMkEEz_10auth_token3geo6lookup"), (1, "plain"), (2, long.as_str())];
        let label = b"{\"name\":\"a\",\"version\":\"1.0.0\"}\n{\"name\":\"a\",\"version\":\"1.0.0\"}\n";
        let module_ = module(&[("name", &names(&mangled)), ("wasmcast-plugin", label), ("producers", b"x")]);
        let mut found = Map::new();
        let tidy = tidied(&module_, &mut found).unwrap();
        assert_eq!(Value::Object(found).to_string(), r#"{"name":"a","version":"1.0.0"}"#);
        let short = long[..MAX_NAME].to_owned();
        let mut expected = Vec::new();
        section(&mut expected, FUNCTIONS, &{
            let named = names(&[(0, "auth_token::geo::lookup"), (1, "plain"), (2, &short)]);
            // Behind the module's name and the subsection's header of three bytes.
            named[4 + 3..named.len() - 3].to_vec()
        });
        assert_eq!(tidy.into_owned(), module(&[("name", &expected), ("producers", b"x")]));
    }

    #[test]
    fn damage_is_told() {
        let whole = module(&[("name", &names(&[(0, "f")]))]);
        for length in 9..whole.len() {
            assert!(tidied(&whole[..length], &mut Map::new()).is_err(), "{length}");
        }
        assert!(tidied(b"\0asm\x01\0\0\0\x00\xff\xff\xff\xff\xff\xff", &mut Map::new()).is_err());
        assert!(tidied(b"", &mut Map::new()).unwrap().is_empty());
    }

    #[test]
    fn a_component_keeps_its_bytes_and_gets_a_label() {
        let component = b"\0asm\x0d\0\x01\0";
        let origin = Origin { name: "c-auth", version: "0.1.0", built_with: "" };
        let labelled = finish(component, &origin).unwrap();
        assert!(labelled.starts_with(component));
        assert!(String::from_utf8_lossy(&labelled).ends_with(r#"{"name":"c-auth","version":"0.1.0"}"#));
    }
}
