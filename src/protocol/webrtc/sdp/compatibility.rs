//! Which payload type of a viewer can take a stream's track, and which of a publisher's formats suits viewers best.

use super::codec::OfferedCodec;
use crate::media::{Codec, TrackInfo};

/// H.264 profiles in the order of what their decoders can decode (RFC 6184, 8.1, table 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum H264Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    ConstrainedHigh,
    High,
    Other,
}

/// How well an offered format takes the track: 0 is exact, more is worse, none is not at all.
pub(super) fn rank(offered: &OfferedCodec, track: &TrackInfo) -> Option<u32> {
    if offered.codec != track.codec {
        return None;
    }
    let number = |value: Option<&str>, default: u32| value.map_or(Some(default), |value| value.parse().ok());
    match track.codec {
        Codec::H264 => {
            // Absent means 0, but who leaves it out takes or sends mode 1 all the same: GStreamer does both.
            let theirs = number(offered.parameter("packetization-mode"), 1)?;
            let ours = number(track.parameter("packetization-mode"), 1)?;
            if ours > theirs || theirs > 1 {
                return None;
            }
            let unsaid = u32::from(offered.parameter("packetization-mode").is_none());
            let steps = h264_steps(track.parameter("profile-level-id"), offered.parameter("profile-level-id"));
            Some(steps * 4 + (theirs - ours) * 2 + unsaid)
        }
        Codec::Vp9 => {
            (number(offered.parameter("profile-id"), 0)? == number(track.parameter("profile-id"), 0)?).then_some(0)
        }
        Codec::Av1 => number(offered.parameter("profile"), 0)?.checked_sub(number(track.parameter("profile"), 0)?),
        Codec::H265 => {
            let theirs = number(offered.parameter("profile-id"), 1)?;
            match (number(track.parameter("profile-id"), 1)?, theirs) {
                (ours, theirs) if ours == theirs => Some(0),
                // Main is a subset of Main 10.
                (1, 2) => Some(1),
                _ => None,
            }
        }
        Codec::Vp8 | Codec::Opus | Codec::Pcmu | Codec::Pcma => Some(0),
    }
}

/// How well a publisher's format suits the viewers that will come: 0 is best, more is worse.
pub(super) fn reach(offered: &OfferedCodec) -> u32 {
    let is = |name: &str, default: &str| offered.parameter(name).unwrap_or_default() == default;
    let absent_or = |name: &str, value: &str| offered.parameter(name).is_none() || is(name, value);
    match offered.codec {
        Codec::H264 if !is("packetization-mode", "1") => 2,
        // Every browser offers and decodes constrained baseline.
        Codec::H264 => {
            let profile = h264_profile(offered.parameter("profile-level-id"));
            u32::from(profile != H264Profile::ConstrainedBaseline)
        }
        Codec::Vp9 => u32::from(!absent_or("profile-id", "0")),
        Codec::Av1 => u32::from(!absent_or("profile", "0")),
        Codec::H265 => u32::from(!absent_or("profile-id", "1")),
        Codec::Vp8 | Codec::Opus | Codec::Pcmu | Codec::Pcma => 0,
    }
}

/// The format parameters that an answer repeats, since both sides must agree on them.
pub(super) fn agreed_parameters(codec: Codec) -> &'static [&'static str] {
    match codec {
        Codec::H264 => &["level-asymmetry-allowed", "packetization-mode", "profile-level-id"],
        Codec::H265 => &["profile-space", "profile-id", "tier-flag", "level-id", "interop-constraints", "tx-mode"],
        Codec::Vp9 => &["profile-id"],
        Codec::Av1 => &["profile", "level-idx", "tier"],
        Codec::Vp8 | Codec::Opus | Codec::Pcmu | Codec::Pcma => &[],
    }
}

/// How far the viewer's profile is from the track's. Decoders of browsers look at the stream, not at the SDP: a lower
/// profile works too, but only as the last choice.
fn h264_steps(track: Option<&str>, viewer: Option<&str>) -> u32 {
    let (ours, theirs) = (h264_profile(track), h264_profile(viewer));
    let bytes = |text: Option<&str>| text.and_then(|text| text.get(..4)).map(str::to_ascii_lowercase);
    if ours == H264Profile::Other || theirs == H264Profile::Other {
        return if bytes(track) == bytes(viewer) { 0 } else { 20 };
    }
    if theirs >= ours { theirs as u32 - ours as u32 } else { 10 + (ours as u32 - theirs as u32) }
}

/// The profile of a `profile-level-id`; baseline where it is absent (RFC 6184, 8.1).
fn h264_profile(profile_level_id: Option<&str>) -> H264Profile {
    let Some(text) = profile_level_id else { return H264Profile::Baseline };
    let Some(value) = u32::from_str_radix(text, 16).ok().filter(|_| text.len() == 6) else { return H264Profile::Other };
    let constraints = value >> 8 & 0xff;
    let set = |bit: u32| constraints & (0x80 >> bit) != 0;
    match value >> 16 {
        0x42 if set(1) => H264Profile::ConstrainedBaseline,
        0x42 => H264Profile::Baseline,
        0x4d if set(0) => H264Profile::ConstrainedBaseline,
        0x4d => H264Profile::Main,
        0x58 if set(0) && set(1) => H264Profile::ConstrainedBaseline,
        0x64 if set(4) && set(5) => H264Profile::ConstrainedHigh,
        0x64 => H264Profile::High,
        _ => H264Profile::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use H264Profile::*;

    #[test]
    fn profiles_are_read_as_rfc_6184_says() {
        let rows = [
            ("42e01f", ConstrainedBaseline),
            ("42c00d", ConstrainedBaseline),
            ("42001f", Baseline),
            ("42000D", Baseline),
            ("4d001f", Main),
            ("4d801f", ConstrainedBaseline),
            ("58c01f", ConstrainedBaseline),
            ("640028", High),
            ("640c1f", ConstrainedHigh),
            ("f4001f", Other),
            ("42e0", Other),
            ("xyzxyz", Other),
            ("+2e01f", Other),
        ];
        for (text, profile) in rows {
            assert_eq!(h264_profile(Some(text)), profile, "{text}");
        }
        assert_eq!(h264_profile(None), Baseline);
    }
}
