//! What the operator switches off and on, and rolls back.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_operator_rolls_back_and_forward() {
    let world = World::new().await;
    world.put("a.wasm", "auth allow").await;
    let error = world.command("a", Wish::RollBack).await.unwrap_err();
    assert_eq!(error, CommandError::NothingBefore("a".to_owned()));
    world.put("a.wasm", "auth deny").await;
    let status = world.command("a", Wish::RollBack).await.unwrap();
    assert_eq!(status.generation, Some(3));
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 3 rolled-back", "allow"));
    world.see(vec![stable("a")]).await;
    assert_eq!(world.stands("a"), "active 3 rolled-back", "what was rolled back stays away until it changes");

    let world = world.restart().await;
    world.see(vec![stable("a")]).await;
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 4 rolled-back", "allow"));
    world.command("a", Wish::RollBack).await.unwrap();
    assert_eq!(
        (world.stands("a").as_str(), world.says().await.as_str()),
        ("active 5 directory", "deny 403"),
        "forward again: it is what the directory holds"
    );
    world.put("a.wasm", "auth").await;
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 6 directory", "abstain"));
}

#[tokio::test(start_paused = true)]
async fn what_was_rolled_back_stays_out_whatever_its_manifest_becomes() {
    let world = World::new().await;
    world.put("a.wasm", "auth allow").await;
    world.put("a.wasm", "auth deny").await;
    for manifest in ["# one", "priority = 1", "priority = 2"] {
        world.put("a.toml", manifest).await;
    }
    world.command("a", Wish::RollBack).await.unwrap();
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 5 rolled-back", "allow"));
    world.put("a.toml", "priority = 3 # and a comment").await;
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 5 rolled-back", "allow"));
    assert!(world.told("a").contains("`wasmcast plugin enable a`"), "{}", world.told("a"));

    let world = world.restart().await;
    world.see(vec![stable("a")]).await;
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 6 rolled-back", "allow"));
    world.command("a", Wish::Disable).await.unwrap();
    world.command("a", Wish::Enable).await.unwrap();
    assert_eq!(world.stands("a"), "active 7 rolled-back", "what was disabled comes back as it was");
    world.command("a", Wish::Enable).await.unwrap();
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 8 directory", "deny 403"));
    assert_eq!(world.status("a").priority, 3);
}

#[tokio::test(start_paused = true)]
async fn a_broken_file_after_a_rollback_leaves_no_error_when_it_is_taken_back() {
    let world = World::new().await;
    world.put("a.wasm", "auth allow").await;
    world.put("a.wasm", "auth deny").await;
    world.command("a", Wish::RollBack).await.unwrap();
    world.put("a.wasm", "broken").await;
    assert_eq!((world.stands("a").as_str(), world.cause("a").as_str()), ("active 3 rolled-back", "load: it is broken"));
    world.put("a.wasm", "auth deny").await;
    assert_eq!((world.stands("a").as_str(), world.cause("a").as_str()), ("active 3 rolled-back", ""));
    assert_eq!(world.command("a", Wish::Enable).await.unwrap().generation, Some(4));
    assert_eq!(world.stands("a"), "active 4 directory");
}

#[tokio::test(start_paused = true)]
async fn disabling_lasts_over_restarts() {
    let world = World::new().await;
    world.put("a.wasm", "auth deny").await;
    world.command("a", Wish::Disable).await.unwrap();
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("disabled", "abstain"));
    assert_eq!(world.retired(), [1]);
    world.put("a.wasm", "auth allow").await;
    assert_eq!(world.stands("a"), "disabled");
    assert_eq!(world.command("a", Wish::RollBack).await.unwrap_err(), CommandError::Disabled("a".to_owned()));
    let mut world = world.restart().await;
    world.see(vec![stable("a")]).await;
    world.ready.try_recv().unwrap();
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("disabled", "abstain"));
    let status = world.command("a", Wish::Enable).await.unwrap();
    assert_eq!((status.generation, world.says().await.as_str()), (Some(2), "allow"));
    world.command("a", Wish::Disable).await.unwrap();
    world.put("a.wasm", "auth broken readable").await;
    let refused = world.command("a", Wish::Enable).await.unwrap_err();
    assert_eq!(refused.to_string(), "`a` is not taken into service: it is broken");
    assert_eq!(world.stands("a"), "active 3 last-good");
}
