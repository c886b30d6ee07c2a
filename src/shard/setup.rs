//! The trace of a session's start: ICE, DTLS, and the first picture, as spans of the request that it began with.

use super::session::CloseReason;
use crate::observe::trace::{self, Span};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What takes longer to start is told as it stands.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A start under way; empty where no trace is recorded, or it is over. Clones are the same start.
#[derive(Clone, Debug, Default)]
pub(super) struct Setup(Option<Arc<Mutex<Option<Stages>>>>);

#[derive(Debug)]
struct Stages {
    /// Dropped, and so ended, before the root.
    now: Span,
    /// Keeps the root of the trace from ending.
    root: Span,
    /// Whether it is over when it is connected: nobody waits for the first picture of a publisher of sound.
    ends_connected: bool,
}

impl Setup {
    /// Of a session that the current request begins.
    pub(super) fn begin(ends_connected: bool) -> Self {
        let root = trace::root();
        if !root.is_recorded() {
            return Setup::default();
        }
        let now = root.child("session.ice");
        Setup(Some(Arc::new(Mutex::new(Some(Stages { root, now, ends_connected })))))
    }

    /// The peer was heard; DTLS begins.
    pub(super) fn connecting(&self) {
        self.next("session.dtls");
    }

    /// Media may flow.
    pub(super) fn connected(&self) {
        let Some(mut stages) = self.stages() else { return };
        match &mut *stages {
            Some(Stages { ends_connected: true, .. }) => *stages = None,
            Some(Stages { root, now, .. }) => *now = root.child("session.first-keyframe"),
            None => {}
        }
    }

    /// The first keyframe came, or went out.
    pub(super) fn media(&self) {
        if let Some(mut stages) = self.stages() {
            *stages = None;
        }
    }

    /// The session is over before.
    pub(super) fn closed(&self, reason: CloseReason) {
        let harmless =
            matches!(reason, CloseReason::ByPeer | CloseReason::Kicked | CloseReason::Shutdown | CloseReason::Replaced);
        self.give_up(if harmless { None } else { Some(reason.name()) });
    }

    /// It takes too long.
    pub(super) fn late(&self) {
        self.give_up(Some("not within 10 s"));
    }

    fn next(&self, stage: &'static str) {
        if let Some(Stages { root, now, .. }) = self.stages().as_deref_mut().and_then(Option::as_mut) {
            *now = root.child(stage);
        }
    }

    fn give_up(&self, why: Option<&str>) {
        let Some(stages) = self.stages().and_then(|mut stages| stages.take()) else { return };
        if let Some(why) = why {
            stages.now.fail(why);
            stages.root.fail(why);
        }
    }

    fn stages(&self) -> Option<MutexGuard<'_, Option<Stages>>> {
        Some(self.0.as_ref()?.lock().expect("no holder of this lock panics"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::metrics::TraceMetrics;
    use crate::observe::trace::{Finished, Tracer};
    use futures_util::FutureExt;

    /// The trace of a start that goes like this.
    fn traced(ends_connected: bool, go: impl Fn(&Setup)) -> Finished {
        let (tracer, mut queue) = Tracer::new(TraceMetrics::default());
        tracer.switch(true);
        let root = tracer.begin("whep.join", None);
        let setup = trace::within(&root, async { Setup::begin(ends_connected) }).now_or_never().unwrap();
        drop(root);
        assert!(queue.try_recv().is_err(), "the root lasts as long as the start");
        go(&setup);
        let finished = queue.try_recv().unwrap();
        // What comes later changes nothing.
        setup.connected();
        setup.media();
        setup.late();
        finished
    }

    #[test]
    fn a_start_has_its_stages_and_the_root_lasts_as_long() {
        let names = |trace: &Finished| trace.spans.iter().map(|span| span.name.to_string()).collect::<Vec<_>>();
        let whole = traced(false, |setup| {
            setup.connecting();
            setup.connected();
            setup.media();
        });
        assert_eq!(names(&whole), ["session.ice", "session.dtls", "session.first-keyframe", "whep.join"]);
        assert!(whole.spans.iter().all(|span| span.error.is_none()));
        let sound = traced(true, |setup| {
            setup.connecting();
            setup.connected();
        });
        assert_eq!(names(&sound), ["session.ice", "session.dtls", "whep.join"]);
        let failed = traced(false, |setup| {
            setup.connecting();
            setup.closed(CloseReason::DtlsFailed);
        });
        let errors: Vec<_> = failed.spans.iter().map(|span| span.error.as_deref()).collect();
        assert_eq!(errors, [None, Some("dtls-failed"), Some("dtls-failed")]);
        let left = traced(false, |setup| setup.closed(CloseReason::ByPeer));
        assert!(left.spans.iter().all(|span| span.error.is_none()));
        assert_eq!(traced(false, Setup::late).root().error.as_deref(), Some("not within 10 s"));
    }
}
