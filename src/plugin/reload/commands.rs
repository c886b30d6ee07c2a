//! Commands of the operator: enable, disable, promote, roll back, and how new generations come into service.

use super::Machine;
use super::job::Source;
use super::slot::CommandError;
use crate::plugin::host::Grade;
use crate::plugin::rollout::{Change, Verdict};
use crate::plugin::serving::Loader;
use crate::plugin::status::Status;
use tokio::sync::oneshot;

/// A command, with who waits for its end.
pub(in crate::plugin) struct Command {
    pub(in crate::plugin) plugin: String,
    pub(in crate::plugin) wish: Wish,
    pub(in crate::plugin) reply: oneshot::Sender<Result<Status, CommandError>>,
}

/// What the operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plugin) enum Wish {
    Enable,
    Disable,
    /// Looks at the files now, and answers when what came of them is clear.
    Look,
    RollBack,
    Promote,
    RollOut(Change),
}

impl<L: Loader> Machine<L> {
    /// Carries a command out, or begins to.
    pub(super) async fn obey(&mut self, command: Command) {
        let Command { plugin: name, wish, reply } = command;
        let Some(slot) = self.slots.get_mut(&name) else {
            let _ = reply.send(Err(CommandError::Unknown(name)));
            return;
        };
        slot.answer(&Err(CommandError::Superseded(name.clone())));
        match wish {
            Wish::Disable => {
                slot.record.disabled = true;
                slot.attempt = None;
                slot.changed_again = false;
                slot.retry = None;
                slot.guards = false;
                slot.looked_back = false;
                let active = slot.active.take();
                slot.plugin.tell(Grade::Info, 0, "disabled by the operator".to_owned());
                slot.plugin.report("plugin.disabled", 0, &[("by", "operator")]);
                self.clear_trials(&name);
                if let Some(active) = active {
                    self.drain(&name, active, "retired");
                }
                self.first.remove(&name);
                self.publish();
                self.check_ready();
                let kept = self.keep(&name, None).await;
                let status = self.status(&name).ok_or(CommandError::Unknown(name));
                let _ = reply.send(kept.and(status));
            }
            Wish::Enable => {
                let was_disabled = std::mem::take(&mut slot.record.disabled);
                slot.retries = 0;
                // What was disabled comes back as it was.
                slot.forward = !was_disabled;
                slot.waiting.push(reply);
                if was_disabled {
                    slot.plugin.tell(Grade::Info, 0, "enabled by the operator".to_owned());
                    slot.plugin.report("plugin.enabled", 0, &[("by", "operator")]);
                    if let Err(error) = self.keep(&name, None).await
                        && let Some(slot) = self.slots.get_mut(&name)
                    {
                        slot.answer(&Err(error));
                    }
                }
                self.begin(&name, Source::Directory);
            }
            Wish::Look if slot.record.disabled => self.told(&name, Ok(false), reply),
            Wish::Look => {
                slot.retries = 0;
                slot.waiting.push(reply);
                self.begin(&name, Source::Directory);
            }
            Wish::Promote => {
                let promoted = self.promote(&name).await;
                self.told(&name, promoted, reply);
            }
            Wish::RollOut(change) => {
                let changed = self.change_plan(&name, &change).await;
                self.told(&name, changed, reply);
            }
            Wish::RollBack if slot.candidate.is_some() => {
                let dropped = self.drop_candidate(&name, Verdict::of_operator()).await;
                self.told(&name, dropped.map(|()| false), reply);
            }
            Wish::RollBack if slot.former.is_some() => {
                let reverted = self.revert(&name, Verdict::of_operator()).await;
                self.told(&name, reverted.map(|()| false), reply);
            }
            Wish::RollBack => {
                let in_service = slot.active.as_ref().map(|active| &active.version.digest);
                let place = slot.record.good.iter().position(|version| Some(&version.digest) != in_service);
                match place {
                    _ if slot.record.disabled => {
                        let _ = reply.send(Err(CommandError::Disabled(name)));
                    }
                    None => {
                        let _ = reply.send(Err(CommandError::NothingBefore(name)));
                    }
                    Some(place) => {
                        slot.plugin.tell(Grade::Info, slot.number(), "is rolled back by the operator".to_owned());
                        slot.waiting.push(reply);
                        self.begin(&name, Source::RollBack(place));
                    }
                }
            }
        }
    }

    /// Answers a command that is done, or keeps who waits for one that takes its time.
    fn told(
        &mut self,
        name: &str,
        done: Result<bool, CommandError>,
        reply: oneshot::Sender<Result<Status, CommandError>>,
    ) {
        let answer = match done {
            Ok(true) => {
                if let Some(slot) = self.slots.get_mut(name) {
                    slot.waiting.push(reply);
                }
                return;
            }
            Ok(false) => self.status(name).ok_or(CommandError::Unknown(name.to_owned())),
            Err(error) => Err(error),
        };
        // Who went away needs no answer.
        let _ = reply.send(answer);
    }
}
