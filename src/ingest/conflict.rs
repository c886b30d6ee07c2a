//! Who may publish a stream that has a publisher already, or had one a moment ago.

use crate::access::{Access, Grant};
use crate::hub::{Hub, Liveness, Over, PublishError, Publisher, Stream};
use crate::media::{StreamName, TrackSet};
use crate::shard::{ClientInfo, Sessions};

/// Who asks: the access check said yes to it, as to everyone before.
pub(super) struct Comer<'a> {
    pub(super) client: &'a ClientInfo,
    pub(super) grant: &'a Grant,
    /// Whether the configuration lets anyone who may publish send the present publisher away.
    pub(super) takeover: bool,
}

impl Comer<'_> {
    /// The right to publish: of a name that is free at once, of one that is not from the moment on when its media can come.
    pub(super) fn publisher(
        &self,
        hub: &Hub,
        access: &Access,
        sessions: &Sessions,
        name: &StreamName,
        tracks: TrackSet,
        rids: Vec<String>,
    ) -> Result<Publisher, PublishError> {
        let taken = match hub.publish(name.clone(), tracks.clone()) {
            Err(taken @ PublishError::Taken(_)) => taken,
            other => return other,
        };
        let stream = hub.stream(name);
        match stream.and_then(|stream| self.over(hub, access, sessions, &stream)) {
            Some(over) => hub.claim(name, tracks, rids, over),
            None => Err(taken),
        }
    }

    fn over(&self, hub: &Hub, access: &Access, sessions: &Sessions, stream: &Stream) -> Option<Over> {
        let ticket = stream.publisher();
        if ticket == 0 {
            return Some(Over { ticket, while_away: true });
        }
        // What this process publishes itself has no session, and stays.
        let holder = access.book().publisher(&stream.name)?;
        let session = sessions.get(&holder.id)?;
        // Somebody whose page was loaded anew, or whose program was started again, while the old session is still thought alive.
        // Without a credential or a name nobody can be told from others.
        let known = self.client.credential.is_some() || self.grant.subject.is_some();
        let same = session.client.credential == self.client.credential && holder.grant.subject == self.grant.subject;
        if self.takeover || (known && same) {
            return Some(Over { ticket, while_away: false });
        }
        let away = stream.liveness() == Liveness::Away && !hub.resume().is_zero();
        away.then_some(Over { ticket, while_away: true })
    }
}
