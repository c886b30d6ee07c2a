//! Ids of traces and spans, and the header that carries them between servers (W3C Trace Context).

use std::fmt;

/// Names a trace over all servers that take part in it. Never zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(pub [u8; 16]);

/// Names a span within its trace. Never zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(pub [u8; 8]);

/// The span of another server that ours is below of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    pub trace: TraceId,
    pub span: SpanId,
}

impl TraceId {
    /// A new random one.
    pub fn random() -> Self {
        loop {
            let mut bytes = [0; 16];
            getrandom::fill(&mut bytes).expect("the system's random source works");
            if bytes != [0; 16] {
                return TraceId(bytes);
            }
        }
    }

    /// A number that is the same on every server that has the trace, even over 0 to 1: the first 53 of the last 56 bits, which
    /// W3C Trace Context Level 2 wants random.
    pub fn chance(self) -> f64 {
        let bits = (u128::from_be_bytes(self.0) as u64 & ((1 << 56) - 1)) >> 3;
        bits as f64 / (1u64 << 53) as f64
    }
}

impl SpanId {
    /// A new random one.
    pub fn random() -> Self {
        loop {
            let mut bytes = [0; 8];
            getrandom::fill(&mut bytes).expect("the system's random source works");
            if bytes != [0; 8] {
                return SpanId(bytes);
            }
        }
    }
}

impl Parent {
    /// Reads a `traceparent` (Trace Context, 3.2). None where it is not valid; then a trace of our own begins (4.3).
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let [version] = bytes(version)?;
        let [_flags] = bytes(flags)?;
        // Version 0 has four fields; a later one may have more. 255 is none.
        if version == u8::MAX || (version == 0 && parts.next().is_some()) {
            return None;
        }
        let (trace, span) = (TraceId(bytes(trace)?), SpanId(bytes(span)?));
        (trace.0 != [0; 16] && span.0 != [0; 8]).then_some(Parent { trace, span })
    }
}

impl fmt::Display for Parent {
    /// As a header's value. The flag says that it is recorded, and that the trace id is random: whether it is kept is known
    /// only when it is over.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-03", self.trace, self.span)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Exactly as many bytes as lower-case hex digits.
fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    if hex.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_read_from_valid_headers_only() {
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let rows = [
            (format!("00-{trace}-{span}-01"), true),
            (format!("00-{trace}-{span}-00"), true),
            (format!("cc-{trace}-{span}-01-what-comes-later"), true),
            (format!("00-{trace}-{span}-01-more"), false),
            (format!("ff-{trace}-{span}-01"), false),
            (format!("00-{}-{span}-01", trace.to_uppercase()), false),
            (format!("00-{}-{span}-01", "0".repeat(32)), false),
            (format!("00-{trace}-{}-01", "0".repeat(16)), false),
            (format!("00-{trace}0-{span}-01"), false),
            (format!("00-{trace}-{span}"), false),
            (format!("00-{trace}-{span}-1"), false),
            ("00-ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ-00f067aa0ba902b7-01".to_owned(), false),
            (String::new(), false),
        ];
        for (header, valid) in rows {
            let parent = Parent::parse(&header);
            assert_eq!(parent.is_some(), valid, "{header}");
            if let Some(parent) = parent {
                assert_eq!(parent.to_string(), format!("00-{trace}-{span}-03"));
            }
        }
    }

    #[test]
    fn chance_is_even() {
        let low = (0..4_000).filter(|_| TraceId::random().chance() < 0.25).count();
        assert!((800..1_200).contains(&low), "{low}");
        assert_eq!(TraceId([0xff; 16]).chance().floor(), 0.0);
    }
}
