//! Offers recorded from real programs, and what tests do to them.

pub const CHROME_WHIP: &str = include_str!("../data/sdp/chrome-whip.sdp");
pub const CHROME_WHIP_DATA: &str = include_str!("../data/sdp/chrome-whip-data.sdp");
pub const CHROME_WHEP: &str = include_str!("../data/sdp/chrome-whep.sdp");
pub const FIREFOX_WHEP: &str = include_str!("../data/sdp/firefox-whep.sdp");
pub const SAFARI_WHEP: &str = include_str!("../data/sdp/safari-whep.sdp");
pub const OBS_WHIP: &str = include_str!("../data/sdp/obs-whip.sdp");
pub const FFMPEG_WHIP: &str = include_str!("../data/sdp/ffmpeg-whip.sdp");
pub const FFMPEG_WHIP_ACTIVE: &str = include_str!("../data/sdp/ffmpeg-whip-active.sdp");
pub const LIVE777_WHEP: &str = include_str!("../data/sdp/live777-whep.sdp");

/// Lines of an SDP that begin with `prefix`, without it.
pub fn lines<'a>(sdp: &'a str, prefix: &str) -> Vec<&'a str> {
    sdp.lines().filter_map(|line| line.strip_prefix(prefix)).collect()
}

/// The m-sections of an SDP, each from its m-line on.
pub fn sections(sdp: &str) -> Vec<String> {
    sdp.split("\r\nm=").skip(1).map(|section| format!("m={section}\r\n")).collect()
}

/// The offer with its section `copied` once more at the end, under a mid of its own.
pub fn with_second(offer: &str, copied: usize) -> String {
    let parts = sections(offer);
    let mid = format!("a=mid:{}", lines(&parts[copied], "a=mid:")[0]);
    let section = parts[copied].trim_end().replace(&mid, "a=mid:extra");
    let bundle = format!("a=group:BUNDLE {}", lines(offer, "a=group:BUNDLE ")[0]);
    format!("{}\r\n{section}\r\n", offer.trim_end()).replace(&bundle, &format!("{bundle} extra"))
}

/// The offer without any video codec but the given one, by name.
pub fn only_video(offer: &str, codec: &str) -> String {
    let mut kept = Vec::new();
    let video = offer.find("m=video").expect("an offer with video");
    let mapping = format!(" {}/90000", codec.to_lowercase());
    for line in offer[video..].lines().filter_map(|line| line.strip_prefix("a=rtpmap:")) {
        if line.to_lowercase().ends_with(&mapping) {
            kept.push(line.split(' ').next().expect("a payload type").to_owned());
        }
    }
    assert!(!kept.is_empty(), "{codec} is not in the offer");
    let (audio, video) = offer.split_at(video);
    let mut lines = Vec::new();
    for line in video.lines() {
        let about = ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"].iter().find_map(|prefix| line.strip_prefix(prefix));
        let payload_type = about.and_then(|rest| rest.split(' ').next());
        if line.starts_with("m=video") {
            let head: Vec<&str> = line.split(' ').take(3).collect();
            lines.push(format!("{} {}", head.join(" "), kept.join(" ")));
        } else if payload_type.is_none_or(|payload_type| kept.iter().any(|kept| kept == payload_type)) {
            lines.push(line.to_owned());
        }
    }
    format!("{audio}{}\r\n", lines.join("\r\n"))
}
