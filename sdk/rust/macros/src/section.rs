//! The custom section `wasmcast-plugin`: name and version of a plugin, read without running it.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// The static that carries the section. The linker joins sections of the same name; so each is one line.
pub fn describe() -> TokenStream {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let line = line(&variable("CARGO_PKG_NAME"), &variable("CARGO_PKG_VERSION"));
    let (bytes, length) = (Literal::byte_string(line.as_bytes()), line.len());
    quote! {
        #[cfg(target_arch = "wasm32")]
        #[used]
        #[unsafe(link_section = "wasmcast-plugin")]
        static DESCRIPTION: [u8; #length] = *#bytes;
    }
}

/// Cargo's names and versions hold nothing that JSON would escape.
fn line(name: &str, version: &str) -> String {
    let sdk = concat!("wasmcast-plugin ", env!("CARGO_PKG_VERSION"));
    format!("{{\"name\":\"{name}\",\"version\":\"{version}\",\"sdk\":\"{sdk}\"}}\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_section_is_one_line_of_json() {
        let expected = format!(
            "{{\"name\":\"my-auth\",\"version\":\"0.1.0-rc.1+x\",\"sdk\":\"wasmcast-plugin {}\"}}\n",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(super::line("my-auth", "0.1.0-rc.1+x"), expected);
    }
}
