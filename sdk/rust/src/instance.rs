//! What lives as long as an instance: the configuration and state that hooks are handed.

use crate::plugin::{Plugin, Reconfigure, SaveState, SelfTest, Tick};
use crate::{Error, Result, config};
use serde::de::DeserializeOwned;
use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::marker::PhantomData;
use std::time::Duration;

thread_local! {
    /// One slot for each type that some hook takes. A plugin has one or two.
    static SLOTS: RefCell<Vec<Slot>> = const { RefCell::new(Vec::new()) };
}

struct Slot {
    kind: TypeId,
    make: fn() -> Result<Box<dyn Any>>,
    /// None before it is made, and while a hook has it.
    value: Option<Box<dyn Any>>,
}

/// Something that an instance keeps.
pub trait Kept: 'static {
    /// What the hook sees.
    type Value: 'static;

    /// Makes it.
    ///
    /// # Errors
    /// Those of the plugin, or of its configuration.
    fn make() -> Result<Self::Value>;
}

/// The configuration, for hooks that take `&Config`.
pub struct Configured<C>(PhantomData<C>);

impl<C: DeserializeOwned + 'static> Kept for Configured<C> {
    type Value = C;

    fn make() -> Result<C> {
        config::get()
    }
}

/// The plugin's state, for hooks that take `&mut State`.
pub struct Stateful<P>(PhantomData<P>);

impl<P: Plugin> Kept for Stateful<P> {
    type Value = P;

    fn make() -> Result<P> {
        P::new(config::get()?)
    }
}

/// Notes that a hook takes this, so that `init` makes it. Called before anything else, by the macros' constructors.
pub fn register<K: Kept>() {
    SLOTS.with_borrow_mut(|slots| {
        if !slots.iter().any(|slot| slot.kind == TypeId::of::<K>()) {
            slots.push(Slot { kind: TypeId::of::<K>(), make: || Ok(Box::new(K::make()?)), value: None });
        }
    });
}

/// The export `lifecycle/init`: makes all that was registered.
pub(crate) fn init() -> Result<(), String> {
    crate::log::panics();
    let made = SLOTS.with_borrow(|slots| slots.iter().map(|slot| (slot.kind, slot.make)).collect::<Vec<_>>());
    for (kind, make) in made {
        let value = make().map_err(|error| error.to_string())?;
        put(kind, value);
    }
    Ok(())
}

/// Runs a hook with what it keeps. The slot is empty meanwhile: nothing is borrowed while the plugin's own code runs.
///
/// # Errors
/// When it had to be made first and that failed.
pub fn with<K: Kept, R>(run: impl FnOnce(&mut K::Value) -> R) -> Result<R> {
    register::<K>();
    let kind = TypeId::of::<K>();
    let kept = SLOTS.with_borrow_mut(|slots| slots.iter_mut().find(|slot| slot.kind == kind)?.value.take());
    let mut kept: Box<K::Value> = match kept.map(Box::<dyn Any>::downcast) {
        Some(Ok(kept)) => kept,
        Some(Err(_)) | None => Box::new(K::make()?),
    };
    let result = run(&mut kept);
    put(kind, kept);
    Ok(result)
}

fn put(kind: TypeId, value: Box<dyn Any>) {
    SLOTS.with_borrow_mut(|slots| {
        if let Some(slot) = slots.iter_mut().find(|slot| slot.kind == kind) {
            slot.value = Some(value);
        }
    });
}

/// The export `lifecycle/reconfigure`. Configurations that hooks take as `&Config` are made anew.
///
/// # Errors
/// The plugin's own.
pub fn reconfigure<P: Reconfigure>() -> Result<(), String> {
    let result = with::<Stateful<P>, _>(|plugin| plugin.reconfigure(config::get()?)).and_then(|result| result);
    result.map_err(|error: Error| error.to_string())?;
    let others = SLOTS.with_borrow(|slots| {
        let others = slots.iter().filter(|slot| slot.kind != TypeId::of::<Stateful<P>>());
        others.map(|slot| (slot.kind, slot.make)).collect::<Vec<_>>()
    });
    for (kind, make) in others {
        let value = make().map_err(|error| error.to_string())?;
        put(kind, value);
    }
    Ok(())
}

/// The export `lifecycle/state.save`.
///
/// # Errors
/// The plugin's own, or a state that JSON can not hold.
pub fn save<P: SaveState>() -> Result<Vec<u8>, String> {
    let saved = with::<Stateful<P>, _>(SaveState::save).and_then(|result| result).map_err(|error| error.to_string())?;
    serde_json::to_vec(&saved).map_err(|error| format!("the state can not be saved: {error}"))
}

/// The export `lifecycle/state.restore`.
///
/// # Errors
/// The plugin's own.
pub fn restore<P: SaveState>(saved: &[u8]) -> Result<(), String> {
    match serde_json::from_slice(saved) {
        Ok(saved) => with::<Stateful<P>, _>(|plugin| plugin.restore(saved))
            .and_then(|result| result)
            .map_err(|error| error.to_string()),
        Err(error) => {
            crate::warn!("the state of the generation before does not fit this one: starting empty"; error);
            Ok(())
        }
    }
}

/// The export `lifecycle/tick.interval-ms`.
pub fn interval<P: Tick>() -> u32 {
    let interval = with::<Stateful<P>, _>(|plugin| plugin.interval()).unwrap_or(Duration::ZERO);
    crate::units::whole_milliseconds(interval)
}

/// The export `lifecycle/tick.tick`.
///
/// # Errors
/// The plugin's own.
pub fn tick<P: Tick>() -> Result<(), String> {
    with::<Stateful<P>, _>(Tick::tick).and_then(|result| result).map_err(|error| error.to_string())
}

/// The export `lifecycle/self-test.run`.
///
/// # Errors
/// The plugin's own.
pub fn self_test<P: SelfTest>() -> Result<(), String> {
    with::<Stateful<P>, _>(SelfTest::self_test).and_then(|result| result).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(u32);

    struct Counted;

    impl Kept for Counted {
        type Value = Count;

        fn make() -> Result<Count> {
            Ok(Count(10))
        }
    }

    struct Refusing;

    impl Kept for Refusing {
        type Value = ();

        fn make() -> Result<()> {
            Err(Error::new("no list"))
        }
    }

    #[test]
    fn what_is_kept_lasts_from_call_to_call() {
        let next = || {
            with::<Counted, _>(|count| {
                count.0 += 1;
                count.0
            })
        };
        assert_eq!((next().unwrap(), next().unwrap()), (11, 12));
        init().unwrap();
        assert_eq!(with::<Counted, _>(|count| count.0).unwrap(), 10);
    }

    #[test]
    fn a_failure_to_make_it_is_told_by_init() {
        register::<Counted>();
        register::<Refusing>();
        assert_eq!(init().unwrap_err(), "no list");
        assert_eq!(with::<Refusing, _>(|()| 1).unwrap_err().to_string(), "no list");
    }
}
