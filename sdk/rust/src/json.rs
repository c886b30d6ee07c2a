//! Reads the configuration's JSON into types: small, without formatting of floats, and with the path of a mistake.
//!
//! Each plugin carries this code. What serde_json has for the same purpose is three times as large.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;
use std::borrow::Cow;
use std::fmt::{self, Display};

/// As deep as tables of a manifest are nested at most.
const MAX_DEPTH: u8 = 100;

/// Reads a type from JSON.
pub(crate) fn read<'de, T: serde::Deserialize<'de>>(text: &'de str) -> Result<T, Mistake> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = T::deserialize(&mut reader)?;
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.damaged()),
    }
}

/// What does not fit, and where.
#[derive(Debug)]
pub(crate) struct Mistake {
    pub(crate) what: String,
    /// `keys[0].issuer`; empty at the top.
    pub(crate) path: String,
}

impl Mistake {
    /// The same, within a value under this key.
    fn below(mut self, key: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = [key, dot, &self.path].concat();
        self
    }
}

impl Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Mistake {}

impl serde::de::Error for Mistake {
    fn custom<T: Display>(what: T) -> Self {
        Self { what: what.to_string(), path: String::new() }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("invalid type: {}, expected {expected}", Found(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("invalid value: {}, expected {expected}", Found(found)))
    }
}

/// What was found, in the words of who writes a manifest.
struct Found<'a>(Unexpected<'a>);

impl Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unexpected::Bool(value) => write!(f, "boolean `{value}`"),
            Unexpected::Unsigned(value) => write!(f, "integer `{value}`"),
            Unexpected::Signed(value) => write!(f, "integer `{value}`"),
            Unexpected::Str(_) => f.write_str("a string"),
            // Its digits would need 17 kB of code.
            Unexpected::Float(_) => f.write_str("a number with a fraction"),
            Unexpected::Map => f.write_str("a table"),
            Unexpected::Seq => f.write_str("an array"),
            Unexpected::Unit | Unexpected::Option => f.write_str("nothing"),
            _ => f.write_str("a value of another kind"),
        }
    }
}

struct Reader<'de> {
    text: &'de str,
    at: usize,
    depth: u8,
}

enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

impl<'de> Reader<'de> {
    /// Never asked for within a character. Slices that can not fail carry no code for their failure.
    fn rest(&self) -> &'de str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.rest().as_bytes();
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn damaged(&self) -> Mistake {
        Mistake::custom(format_args!("the server's JSON is damaged at byte {}", self.at))
    }

    fn take(&mut self, byte: u8) -> Result<(), Mistake> {
        match self.peek() {
            Some(next) if next == byte => {
                self.at += 1;
                Ok(())
            }
            _ => Err(self.damaged()),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Mistake> {
        match self.rest().starts_with(word) {
            true => {
                self.at += word.len();
                Ok(())
            }
            false => Err(self.damaged()),
        }
    }

    fn string(&mut self) -> Result<Cow<'de, str>, Mistake> {
        self.take(b'"')?;
        let mut text = Cow::Borrowed("");
        loop {
            let rest = self.rest();
            let end = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\')).ok_or_else(|| self.damaged())?;
            text += rest.get(..end).unwrap_or_default();
            self.at += end + 1;
            if rest.as_bytes().get(end) == Some(&b'"') {
                return Ok(text);
            }
            let mut buffer = [0; 4];
            text.to_mut().push_str(self.escaped()?.encode_utf8(&mut buffer));
        }
    }

    /// What follows a backslash.
    fn escaped(&mut self) -> Result<char, Mistake> {
        let kind = self.text.as_bytes().get(self.at).copied().ok_or_else(|| self.damaged())?;
        let plain = match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.damaged()),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode(&mut self) -> Result<char, Mistake> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).ok_or_else(|| self.damaged());
        }
        self.word("\\u")?;
        let second = self.hex()?.wrapping_sub(0xdc00);
        let joined = 0x1_0000 + ((first - 0xd800) << 10) + second;
        char::from_u32(joined).filter(|_| second < 0x400).ok_or_else(|| self.damaged())
    }

    fn hex(&mut self) -> Result<u32, Mistake> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or_else(|| self.damaged())?;
        self.at += 4;
        Ok(value)
    }

    fn number(&mut self) -> Result<Number, Mistake> {
        let length =
            self.rest().bytes().take_while(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        let text = self.rest().get(..length.count()).unwrap_or_default();
        let number = match text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
            false if text.starts_with('-') => text.parse().ok().map(Number::Signed),
            false => text.parse().ok().map(Number::Unsigned),
            true => float(text).map(Number::Float),
        };
        let number = number.ok_or_else(|| self.damaged())?;
        self.at += text.len();
        Ok(number)
    }

    /// The elements between two marks; `each` reads one.
    fn within<T>(
        &mut self,
        (open, close): (u8, u8),
        read: impl FnOnce(&mut Self) -> Result<T, Mistake>,
    ) -> Result<T, Mistake> {
        if self.depth == MAX_DEPTH {
            return Err(self.damaged());
        }
        self.take(open)?;
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        self.take(close)?;
        Ok(value)
    }
}

/// Exact for up to 15 digits and powers of ten up to 22, which are all that people write; else good to some units in the
/// last place.
fn float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let mut exponent: i32 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = 0_u64;
    for digit in whole.bytes().chain(fraction.bytes()) {
        let digit = u64::from(digit.wrapping_sub(b'0'));
        if digit > 9 || whole.is_empty() {
            return None;
        }
        match digits.checked_mul(10).and_then(|digits| digits.checked_add(digit)) {
            Some(more) => digits = more,
            None => exponent = exponent.saturating_add(1),
        }
    }
    exponent = exponent.saturating_sub(i32::try_from(fraction.len()).ok()?);
    #[expect(clippy::cast_precision_loss, reason = "that is what a float is")]
    let mut value = digits as f64;
    let mut power = 1.0_f64;
    for _ in 0..exponent.unsigned_abs().min(400) {
        power *= 10.0;
    }
    // Far below the smallest: in two steps, as the power alone would be infinite.
    value = match exponent < 0 {
        true if power.is_infinite() => 0.0,
        true => value / power,
        false => value * power,
    };
    value.is_finite().then_some(if negative { -value } else { value })
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.peek() {
            Some(b'n') => self.word("null").and_then(|()| visitor.visit_unit()),
            Some(b't') => self.word("true").and_then(|()| visitor.visit_bool(true)),
            Some(b'f') => self.word("false").and_then(|()| visitor.visit_bool(false)),
            Some(b'"') => match self.string()? {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            Some(b'[') => self.within((b'[', b']'), |reader| {
                let mut items = Items { reader, count: 0 };
                let value = visitor.visit_seq(&mut items)?;
                items.finish(value)
            }),
            Some(b'{') => self.within((b'{', b'}'), |reader| {
                let mut entries = Entries { reader, key: Cow::Borrowed(""), first: true };
                let value = visitor.visit_map(&mut entries)?;
                entries.finish(value)
            }),
            Some(b'-' | b'0'..=b'9') => match self.number()? {
                Number::Unsigned(number) => visitor.visit_u64(number),
                Number::Signed(number) => visitor.visit_i64(number),
                Number::Float(number) => visitor.visit_f64(number),
            },
            _ => Err(self.damaged()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.peek() {
            Some(b'n') => self.word("null").and_then(|()| visitor.visit_none()),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_newtype_struct(self)
    }

    /// `"variant"`, or `{ "variant": value }`.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match self.peek() {
            Some(b'"') => visitor.visit_enum(StrDeserializer::<Mistake>::new(&self.string()?)),
            Some(b'{') => self.within((b'{', b'}'), |reader| visitor.visit_enum(Variant { reader })),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// An array.
struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    count: usize,
}

impl Items<'_, '_> {
    /// A type that takes fewer than there are.
    fn finish<T>(self, value: T) -> Result<T, Mistake> {
        match self.reader.peek() {
            Some(b']') => Ok(value),
            _ => Err(Mistake::custom(format_args!("the array has more than {} elements", self.count))),
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mistake> {
        if self.reader.peek() == Some(b']') {
            return Ok(None);
        }
        if self.count > 0 {
            self.reader.take(b',')?;
        }
        let index = self.count;
        self.count += 1;
        seed.deserialize(&mut *self.reader)
            .map(Some)
            .map_err(|mistake| mistake.below(&["[", &index.to_string(), "]"].concat()))
    }
}

/// A table.
struct Entries<'r, 'de> {
    reader: &'r mut Reader<'de>,
    /// The latest.
    key: Cow<'de, str>,
    first: bool,
}

impl Entries<'_, '_> {
    /// A type that takes fewer than there are.
    fn finish<T>(self, value: T) -> Result<T, Mistake> {
        match self.reader.peek() {
            Some(b'}') => Ok(value),
            _ => Err(Mistake::custom("the table has too many keys")),
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mistake> {
        if self.reader.peek() == Some(b'}') {
            return Ok(None);
        }
        if !std::mem::take(&mut self.first) {
            self.reader.take(b',')?;
        }
        self.reader.peek();
        self.key = self.reader.string()?;
        self.reader.take(b':')?;
        seed.deserialize(Key { text: &self.key }).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Mistake> {
        seed.deserialize(&mut *self.reader).map_err(|mistake| mistake.below(&self.key))
    }
}

/// A key; for maps by numbers it is one of those.
struct Key<'a> {
    text: &'a str,
}

impl<'de> Deserializer<'de> for Key<'_> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_str(self.text)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.text.parse() {
            Ok(number) => visitor.visit_u64(number),
            Err(_) => visitor.visit_str(self.text),
        }
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_enum(StrDeserializer::<Mistake>::new(self.text))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// `"variant": value`, the braces taken.
struct Variant<'r, 'de> {
    reader: &'r mut Reader<'de>,
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Mistake;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Mistake> {
        self.reader.peek();
        let name = self.reader.string()?;
        let variant = seed.deserialize(Key { text: &name })?;
        self.reader.take(b':')?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        serde::Deserialize::deserialize(self.reader)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Mistake> {
        seed.deserialize(self.reader)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mistake> {
        self.reader.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Mistake> {
        self.reader.deserialize_any(visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde::de::DeserializeOwned;
    use std::collections::{BTreeMap, HashMap};

    /// What serde_json makes of it too.
    fn same<T: DeserializeOwned + PartialEq + fmt::Debug>(text: &str) {
        match (read::<T>(text), serde_json::from_str::<T>(text)) {
            (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{text}"),
            (Err(_), Err(_)) => {}
            (ours, theirs) => panic!("{text}: {ours:?}, serde_json {theirs:?}"),
        }
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "kebab-case")]
    enum Key {
        Shared(String),
        Public { kid: String, days: Option<u32> },
        Pair(u8, u8),
        Open,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Seconds(f64);

    #[test]
    fn it_reads_as_serde_json_does() {
        for text in
            ["[]", "[1,2]", " [ 1 , 255 ] ", "[256]", "[-1]", "[1.0]", "[1", "[1,]", "1", "[1]]", "[1]x", "null"]
        {
            same::<Vec<u8>>(text);
        }
        for text in [
            r#""""#,
            r#""a\"\\\/\b\f\n\r\tb""#,
            r#""\u00e9\ud83d\ude00é""#,
            r#""\ud83d""#,
            r#""\udc00""#,
            r#""\x""#,
            "\"",
            "1",
        ] {
            same::<String>(text);
        }
        for text in
            ["0", "1.5", "-0.1", "1e3", "2.5E-3", "123456789.123", "1e22", "0.30", "7", "-7", "1e400", "1e-400", "-"]
        {
            same::<Seconds>(text);
        }
        // Beyond what people write some units in the last place are off.
        let far = read::<f64>("1.7e308").unwrap();
        assert!((far / 1.7e308 - 1.0).abs() < 1e-12, "{far}");
        let keys = [
            r#""open""#,
            r#"{"open":null}"#,
            r#"{"shared":"x"}"#,
            r#"{"public":{"kid":"a","days":null}}"#,
            r#"{"pair":[1,2]}"#,
        ];
        for text in
            keys.into_iter().chain([r#"{"pair":[1]}"#, r#"{"pair":[1,2,3]}"#, r#""shut""#, r#"{"open":1}"#, "{}", "3"])
        {
            same::<Key>(text);
        }
        for text in [r#"{"a":true,"b":false}"#, r#"{"a":null}"#, "{}", r#"{"a":true,}"#, r#"{"a" true}"#, r#"{a:true}"#]
        {
            same::<BTreeMap<String, bool>>(text);
            same::<BTreeMap<String, Option<bool>>>(text);
        }
        same::<HashMap<u16, String>>(r#"{"80":"http"}"#);
        same::<serde_json::Value>(r#"{"a":[1,-2,3.5,"x",null,true,{"b":{}}],"c":18446744073709551615}"#);
        let deep = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        same::<serde::de::IgnoredAny>(&deep(90));
        assert!(read::<serde::de::IgnoredAny>(&deep(200)).is_err());
    }

    impl PartialEq for Mistake {
        fn eq(&self, other: &Self) -> bool {
            (&self.what, &self.path) == (&other.what, &other.path)
        }
    }

    #[test]
    fn a_mistake_has_its_path() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Config {
            #[serde(rename = "keys")]
            _keys: Vec<BTreeMap<String, u32>>,
        }
        let rows = [
            (r#"{"keys":[{"a":1},{"b":-1}]}"#, "invalid value: integer `-1`, expected u32", "keys[1].b"),
            (r#"{"keys":[{"a":1.5}]}"#, "invalid type: a number with a fraction, expected u32", "keys[0].a"),
            (r#"{"keys":7}"#, "invalid type: integer `7`, expected a sequence", "keys"),
            ("{}", "missing field `keys`", ""),
            ("[]", "invalid length 0, expected struct Config with 1 element", ""),
        ];
        for (text, what, path) in rows {
            let expected = Mistake { what: what.to_owned(), path: path.to_owned() };
            assert_eq!(read::<Config>(text).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_json_ends_in_an_error() {
        let whole = r#"{"a":[1,-2.5e3,"x\u00e9\"",null,true,{"b":{}}]}"#;
        for length in 0..whole.len() {
            if let Some(text) = whole.get(..length) {
                assert!(read::<serde::de::IgnoredAny>(text).is_err(), "{text}");
            }
        }
        assert!(read::<serde::de::IgnoredAny>(whole).is_ok());
    }
}
