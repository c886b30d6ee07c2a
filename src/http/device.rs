//! Guesses from the user agent what kind of device is behind a request.

/// What programs say that fetch pages without anyone looking, in lower case. First, since many of them also claim to be a
/// browser.
const BOTS: [&str; 6] = ["bot", "crawler", "spider", "headlesschrome", "lighthouse", "monitor"];
/// Programs that send streams.
const ENCODERS: [&str; 9] =
    ["obs-studio", "obs/", "lavf/", "ffmpeg", "gstreamer", "libdatachannel", "larix", "vmix", "wasmcast publish"];
const TVS: [&str; 10] =
    ["smarttv", "smart-tv", "tizen", "web0s", "webos", "appletv", "crkey", "roku", "android tv", "hbbtv"];
const TABLETS: [&str; 5] = ["ipad", "tablet", "kindle", "silk/", "playbook"];
const DESKTOPS: [&str; 5] = ["windows nt", "macintosh", "x11", "cros ", "linux x86_64"];

/// `bot`, `encoder`, `tv`, `tablet`, `mobile` or `desktop`; none where nothing can be told. Only the agent's own word:
/// good for a choice of rendition, not for a decision about rights. An iPad that asks for the desktop's pages says that it
/// is a Macintosh.
pub(super) fn device(user_agent: &str) -> Option<&'static str> {
    let agent = user_agent.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| agent.contains(word));
    let mobile = says(&["mobile", "iphone", "ipod"]);
    if says(&BOTS) {
        Some("bot")
    } else if says(&ENCODERS) {
        Some("encoder")
    } else if says(&TVS) {
        Some("tv")
    } else if says(&TABLETS) || (agent.contains("android") && !mobile) {
        // Android tablets leave `Mobile` out.
        Some("tablet")
    } else if mobile || agent.contains("android") {
        Some("mobile")
    } else if says(&DESKTOPS) {
        Some("desktop")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_agents_are_told_apart() {
        let rows = [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
                Some("desktop"),
            ),
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", Some("desktop")),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15",
                Some("desktop"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
                Some("mobile"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36",
                Some("mobile"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; SM-X910) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
                Some("tablet"),
            ),
            ("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", Some("tablet")),
            ("Mozilla/5.0 (SMART-TV; Linux; Tizen 8.0) AppleWebKit/537.36 TV Safari/537.36", Some("tv")),
            ("Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 Chrome/120.0 Safari/537.36", Some("tv")),
            ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/140.0.0.0 Safari/537.36", Some("bot")),
            ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Some("bot")),
            ("Lavf/62.3.100", Some("encoder")),
            ("OBS-Studio/31.0.0 (Linux x86_64)", Some("encoder")),
            ("curl/8.9.1", None),
            ("", None),
        ];
        for (agent, expected) in rows {
            assert_eq!(device(agent), expected, "{agent}");
        }
    }
}
