//! Who judges finished traces: the seam to the plugins that do.

use super::summary::Summary;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// What becomes of a trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Verdict {
    /// No opinion: the configured share is kept by chance.
    #[default]
    Leave,
    /// Export it whole.
    Keep,
    /// Export it whole and at once, and tell everybody.
    Anomaly(Anomaly),
}

/// Why a trace is out of the ordinary.
#[derive(Clone, Debug, PartialEq)]
pub struct Anomaly {
    /// 0 (hardly) to 1 (certainly).
    pub score: f32,
    /// Short and countable.
    pub kind: String,
    /// One sentence for whoever is on call.
    pub detail: String,
    /// Who says so.
    pub plugin: String,
}

/// Judges batches of finished traces.
pub trait Sampler: Send + Sync + 'static {
    /// Whether anybody is asked at all.
    fn is_asked(&self) -> bool;

    /// One verdict for each, in order, the gravest where several judge. A failure is `Leave` for all.
    fn decide(&self, batch: Arc<[Summary]>) -> Pin<Box<dyn Future<Output = Vec<Verdict>> + Send + '_>>;

    /// An anomaly was found: tells whoever follows events.
    fn report(&self, trace: &Summary, anomaly: &Anomaly);
}

/// The graver of two; of two anomalies the one with the higher score.
pub fn gravest(a: Verdict, b: Verdict) -> Verdict {
    let weight = |verdict: &Verdict| match verdict {
        Verdict::Leave => -2.0,
        Verdict::Keep => -1.0,
        Verdict::Anomaly(anomaly) => anomaly.score,
    };
    if weight(&b) > weight(&a) { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_verdict_holds() {
        let anomaly = |score, kind: &str| {
            let (kind, detail, plugin) = (kind.to_owned(), String::new(), String::new());
            Verdict::Anomaly(Anomaly { score, kind, detail, plugin })
        };
        let rows = [
            (Verdict::Leave, Verdict::Keep, Verdict::Keep),
            (Verdict::Keep, Verdict::Leave, Verdict::Keep),
            (Verdict::Keep, anomaly(0.0, "a"), anomaly(0.0, "a")),
            (anomaly(0.5, "a"), Verdict::Leave, anomaly(0.5, "a")),
            (anomaly(0.5, "a"), anomaly(0.7, "b"), anomaly(0.7, "b")),
            (anomaly(0.5, "a"), anomaly(0.5, "b"), anomaly(0.5, "a")),
        ];
        for (a, b, expected) in rows {
            assert_eq!(gravest(a, b), expected);
        }
    }
}
