//! Remembers the last answer of each session, for plugins whose failures may fall back on it.

use super::decision::Answer;
use std::collections::{BTreeMap, HashMap};

/// Answers by session; the longest unused goes first.
#[derive(Debug, Default)]
pub struct Recall {
    answers: HashMap<String, (u64, Answer)>,
    /// Sessions by when they were last used.
    order: BTreeMap<u64, String>,
    uses: u64,
}

/// Sessions that are remembered; beyond, the longest unused is refused when its plugin fails. Some 20 MB at most in
/// use; only a plugin whose manifest says `last-good` fills it.
const CAPACITY: usize = 65_536;

impl Recall {
    /// Keeps the answer that a session got.
    pub fn remember(&mut self, session: &str, answer: &Answer) {
        if let Some((used, _)) = self.answers.remove(session) {
            self.order.remove(&used);
        }
        if matches!(answer, Answer::Deny(_)) {
            return;
        }
        self.uses += 1;
        self.answers.insert(session.to_owned(), (self.uses, answer.clone()));
        self.order.insert(self.uses, session.to_owned());
        if self.order.len() > CAPACITY
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.answers.remove(&oldest);
        }
    }

    /// The answer that a session got last.
    pub fn last(&self, session: &str) -> Option<Answer> {
        self.answers.get(session).map(|(_, answer)| answer.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::decision::{Denial, Grant};

    #[test]
    fn the_latest_answer_counts_until_it_is_a_refusal() {
        let mut recall = Recall::default();
        let grant = Answer::Allow(Grant { subject: Some("alice".to_owned()), ..Grant::default() });
        assert_eq!(recall.last("a"), None);
        for answer in [Answer::Abstain, grant] {
            recall.remember("a", &answer);
            assert_eq!(recall.last("a"), Some(answer));
        }
        recall.remember("a", &Answer::Deny(Denial::checked(403, "no", None)));
        assert_eq!(recall.last("a"), None);
    }

    #[test]
    fn memory_is_bounded_and_the_longest_unused_goes() {
        let mut recall = Recall::default();
        for number in 0..CAPACITY {
            recall.remember(&number.to_string(), &Answer::Abstain);
        }
        recall.remember("0", &Answer::Abstain);
        recall.remember("new", &Answer::Abstain);
        assert_eq!((recall.answers.len(), recall.order.len()), (CAPACITY, CAPACITY));
        assert!(recall.last("0").is_some() && recall.last("new").is_some() && recall.last("1").is_none());
    }
}
