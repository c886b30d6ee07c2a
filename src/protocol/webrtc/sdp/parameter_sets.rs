//! Parameter sets that a publisher puts into its SDP: `sprop-parameter-sets` (RFC 6184), `sprop-vps/sps/pps` (RFC
//! 7798).

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

/// Streams have 2 or 3 sets; the rest is ignored.
const MAX_SETS: usize = 8;
/// Sets have 10 to 60 bytes; a longer one is ignored.
const MAX_SET_BYTES: usize = 1024;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Whether a format parameter carries parameter sets.
pub(super) fn is_sprop(name: &str) -> bool {
    ["sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps"].iter().any(|sprop| name.eq_ignore_ascii_case(sprop))
}

/// The sets as NAL units without start codes, VPS before SPS before PPS; what does not decode is left out.
pub(super) fn read(fmtp: &[(String, String)]) -> Vec<Bytes> {
    let order = |name: &str| match name.to_ascii_lowercase().as_str() {
        "sprop-vps" => 0,
        "sprop-sps" => 1,
        _ => 2,
    };
    let mut lists: Vec<&(String, String)> = fmtp.iter().filter(|(name, _)| is_sprop(name)).collect();
    lists.sort_by_key(|(name, _)| order(name));
    lists
        .into_iter()
        .flat_map(|(_, value)| value.split(','))
        .filter(|text| text.len() <= MAX_SET_BYTES.div_ceil(3) * 4)
        .filter_map(|text| BASE64.decode(text.trim()).ok())
        .filter(|set| !set.is_empty() && set.len() <= MAX_SET_BYTES)
        .take(MAX_SETS)
        .map(Bytes::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(fmtp: &[(&str, &str)]) -> Vec<Vec<u8>> {
        let fmtp: Vec<_> = fmtp.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        read(&fmtp).iter().map(|set| set.to_vec()).collect()
    }

    #[test]
    fn sets_are_decoded_in_decoding_order_and_within_bounds() {
        assert_eq!(
            sets(&[("sprop-parameter-sets", "Z0LA,aM48gA==")]),
            [b"\x67\x42\xc0".to_vec(), b"\x68\xce\x3c\x80".to_vec()]
        );
        assert_eq!(
            sets(&[("sprop-parameter-sets", "aM48gA")]),
            [b"\x68\xce\x3c\x80".to_vec()],
            "padding may be missing"
        );
        let h265 = [("sprop-pps", "RAE="), ("sprop-sps", "QgE="), ("sprop-vps", "QAE=")];
        assert_eq!(sets(&h265), [[0x40, 1], [0x42, 1], [0x44, 1]]);
        assert!(sets(&[("sprop-parameter-sets", "!,,*"), ("profile-level-id", "42e01f")]).is_empty());
        assert!(sets(&[("sprop-parameter-sets", &"A".repeat(2000))]).is_empty());
        assert_eq!(sets(&[("sprop-parameter-sets", &"Z0LA,".repeat(100))]).len(), MAX_SETS);
    }
}
