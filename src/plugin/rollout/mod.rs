//! How a new generation comes into service with care: compared in the shadow, tried by a share, watched on probation.

mod differences;
mod figures;
mod judge;
mod plan;
mod shadow;
mod shown;
mod side;

pub use differences::Difference;
pub use judge::Cause;
pub use plan::{Canary, Change, Mode, Plan, Share};
pub use shown::{CandidateStatus, Known, Previous, RollbackStatus, RolloutStatus, Stage};

pub(super) use differences::Comparisons;
pub(super) use figures::{Figures, Outcome};
pub(super) use judge::{Verdict, judge};
pub(super) use plan::{Rollback, Rollbacks, USUAL_PROBATION};
pub(super) use shadow::{Said, Shadow};
pub(super) use shown::{Entry, ShownCandidate, ShownRollout};
pub(super) use side::Sides;
