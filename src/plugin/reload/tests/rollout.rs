//! Roll-outs: compared in the shadow, tried as a canary, watched on probation, and taken out again when they are worse.

use super::*;
use crate::plugin::Origin;
use crate::plugin::rollout::{Canary, Cause, Change, Mode, Share, Stage};

/// Of clients with these addresses what the chain says, one after the other.
async fn said(world: &World, clients: std::ops::Range<u32>) -> Vec<String> {
    let mut said = Vec::new();
    for client in clients {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + client).into();
        let decided = world.ask_about(Facts { remote_ip: address, ..facts(&format!("s-{client}")) }).await;
        said.push(word(&decided.answer));
    }
    world.rest().await;
    said
}

fn count(said: &[String], word: &str) -> usize {
    said.iter().filter(|said| said.as_str() == word).count()
}

/// A session that was let in so many seconds ago.
async fn renewed(world: &World, seconds: u64) -> String {
    word(&world.ask_about(Facts { age: Duration::from_secs(seconds), ..facts("s-old") }).await.answer)
}

fn stage(world: &World) -> Option<(Stage, u64)> {
    world.status("a").candidate.map(|candidate| (candidate.stage, candidate.generation))
}

#[tokio::test(start_paused = true)]
async fn what_denies_everybody_is_taken_out_by_itself_and_stays_out() {
    let world = World::new().await;
    world.write("a.toml", "[rollout]\nprobation-s = 60");
    world.put("a.wasm", "auth allow").await;
    assert_eq!(stage(&world), None, "nothing to measure the first one by");
    said(&world, 0..50).await;
    world.put("a.wasm", "auth deny").await;
    assert_eq!((world.says().await.as_str(), stage(&world)), ("deny 403", Some((Stage::Probation, 2))));
    assert_eq!(world.status("a").previous.unwrap().generation, 1);
    assert_eq!(renewed(&world, 10).await, "allow", "who was let in by the one before");
    assert!(world.retired().is_empty(), "it is kept warm");
    said(&world, 0..50).await;
    world.pass(1).await;
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 1 rolled-back", "allow"));
    let status = world.status("a");
    let rollback = status.last_rollback.unwrap();
    assert_eq!((rollback.generation, rollback.cause), (2, Cause::Denials));
    assert!(rollback.reason.contains("denied 100.0 %"), "{}", rollback.reason);
    assert!(world.services.log_tail("a", 0).iter().any(|line| line.message.contains("rolled back: it denied")));
    assert_eq!((world.retired(), stage(&world)), (vec![2], None));
    let states: Vec<_> = status.generations.iter().map(|known| (known.generation, known.state)).collect();
    assert_eq!(states, [(1, "active"), (2, "rolled-back")]);

    world.put("a.wasm", "auth deny").await;
    assert_eq!(world.stands("a"), "active 1 rolled-back", "its digest stays out");
    let world = world.restart().await;
    world.see(vec![stable("a")]).await;
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 3 rolled-back", "allow"));
    assert_eq!(world.status("a").last_rollback.unwrap().generation, 2);
    world.command("a", Wish::Enable).await.unwrap();
    assert_eq!(
        (world.stands("a").as_str(), stage(&world)),
        ("active 4 directory", None),
        "the operator wants it all the same"
    );
}

#[tokio::test(start_paused = true)]
async fn while_two_generations_are_there_the_former_stands_in_for_failures() {
    let world = World::new().await;
    world.write("a.toml", "[rollout]\nprobation-s = 60");
    world.put("a.wasm", "auth allow").await;
    said(&world, 0..50).await;
    world.put("a.wasm", "auth trap").await;
    let decided = world.ask("s-1").await;
    let steps: Vec<_> = decided.steps.iter().map(|step| (step.generation, step.outcome)).collect();
    assert_eq!((word(&decided.answer).as_str(), steps), ("allow", vec![(2, "passed-on"), (1, "allow")]));
    let all = said(&world, 0..50).await;
    assert_eq!(count(&all, "allow"), 50, "nobody notices");
    world.pass(1).await;
    assert_eq!(world.stands("a"), "active 1 rolled-back");
    let cause = world.status("a").last_rollback.unwrap().cause;
    assert!(cause == Cause::Errors || cause == Cause::Stopped, "{cause:?}");
}

#[tokio::test(start_paused = true)]
async fn probation_ends_and_the_former_goes() {
    let world = World::new().await;
    world.write("a.toml", "[rollout]\nprobation-s = 60");
    world.put("a.wasm", "auth allow keeps").await;
    world.put("a.wasm", "auth allow keeps more").await;
    world.pass(59).await;
    assert_eq!((stage(&world), world.retired().len()), (Some((Stage::Probation, 2)), 0));
    world.pass(2).await;
    assert_eq!((world.stands("a").as_str(), stage(&world), world.retired()), ("active 2 directory", None, vec![1]));
    let status = world.command("a", Wish::RollBack).await.unwrap();
    assert_eq!((status.generation, status.origin), (Some(3), Some(Origin::RolledBack)), "from what was kept");
}

#[tokio::test(start_paused = true)]
async fn a_third_version_on_probation_is_measured_by_the_one_that_is_proven() {
    let world = World::new().await;
    world.write("a.toml", "[rollout]\nprobation-s = 60");
    world.put("a.wasm", "auth allow").await;
    world.put("a.wasm", "auth").await;
    world.put("a.wasm", "auth deny").await;
    assert_eq!((stage(&world), world.retired()), (Some((Stage::Probation, 3)), vec![2]));
    assert_eq!(world.status("a").previous.unwrap().generation, 1);
    let world = world.restart().await;
    world.see(vec![stable("a")]).await;
    assert_eq!(stage(&world), Some((Stage::Probation, 5)), "after the one that is proven");
    assert_eq!(renewed(&world, 1_000).await, "allow");
    world.command("a", Wish::RollBack).await.unwrap();
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 4 rolled-back", "allow"));
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_makes_it_worse_is_rolled_back_and_a_better_one_is_taken() {
    let world = World::new().await;
    world.write("a.toml", "[rollout]\nprobation-s = 60\n[config]\nsubject = \"alice\"");
    world.put("a.wasm", "auth allow").await;
    world.put("a.toml", "[rollout]\nprobation-s = 60\n[config]\nsubject = \"bob\"").await;
    assert_eq!(world.says().await, "allow bob");
    world.command("a", Wish::RollBack).await.unwrap();
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 1 rolled-back", "allow alice"));
    world.see(vec![stable("a")]).await;
    assert_eq!(world.says().await, "allow alice", "with that manifest it stays out");
    world.put("a.toml", "[rollout]\nprobation-s = 60\n[config]\nsubject = \"carol\"").await;
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 3 directory", "allow carol"));
}

#[tokio::test(start_paused = true)]
async fn the_shadow_finds_the_decisions_that_differ_and_decides_nothing() {
    let world = World::new().await;
    world.write("a.toml", "mode = \"shadow\"");
    world.put("a.wasm", "auth allow").await;
    assert_eq!(
        (world.stands("a").as_str(), stage(&world)),
        ("shadow", Some((Stage::Shadow, 1))),
        "it is the first one"
    );
    assert_eq!(world.says().await, "abstain");
    assert!(!world.board.read().decides_auth);
    world.board.read().chain.left_to_rules(&Arc::new(facts("s-1")), false);
    world.board.read().chain.left_to_rules(&Arc::new(facts("s-2")), true);
    world.rest().await;
    let list = world.board.read().plugins[0].plugin.comparisons.list();
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!(
        (list[0].session.as_str(), list[0].in_service.as_str(), list[0].candidate.as_str()),
        ("s-1", "deny (access rules)", "allow")
    );

    world.command("a", Wish::Promote).await.unwrap();
    assert_eq!(
        (world.stands("a").as_str(), world.says().await.as_str(), stage(&world)),
        ("active 2 directory", "allow", None)
    );
    world.put("a.wasm", "auth moody allow").await;
    assert_eq!((world.stands("a").as_str(), stage(&world)), ("active 2 directory", Some((Stage::Shadow, 3))));
    for (id, token) in [("s-3", Some("x".to_owned())), ("s-4", None), ("s-5", Some("y".to_owned()))] {
        assert_eq!(word(&world.ask_about(Facts { token, ..facts(id) }).await.answer), "allow");
    }
    world.rest().await;
    let list = world.board.read().plugins[0].plugin.comparisons.list();
    assert_eq!((list.len(), list[0].session.as_str(), list[0].generation), (2, "s-4", 3));
    assert_eq!((list[0].in_service.as_str(), list[0].candidate.as_str()), ("allow", "failed (error): no mood"));
    assert_eq!(world.status("a").candidate.unwrap().differences, 1);
    assert_eq!(world.status("a").calls, 4, "what is asked in the shadow is no call that decides");

    let world = world.restart().await;
    world.see(vec![stable("a")]).await;
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 4 last-good", "allow"));
    assert_eq!(stage(&world), Some((Stage::Shadow, 5)));
    world.command("a", Wish::RollBack).await.unwrap();
    assert_eq!((world.stands("a").as_str(), stage(&world)), ("active 4 rolled-back", None));
    world.put("a.wasm", "auth allow").await;
    assert_eq!(world.stands("a"), "active 4 directory", "it is in service already");
}

#[tokio::test(start_paused = true)]
async fn a_shadow_that_does_not_answer_delays_nobody_and_what_it_misses_is_counted() {
    let world = World::new().await;
    world.put("a.wasm", "auth allow").await;
    world.write("a.toml", "mode = \"shadow\"");
    world.put("a.wasm", "auth hang deny").await;
    let all = said(&world, 0..1_000).await;
    assert_eq!(count(&all, "allow"), 1_000);
    let [compared, different, dropped] = world.board.read().plugins[0].plugin.comparisons.counts();
    assert!((compared, different) == (0, 0) && dropped > 500, "{compared} {different} {dropped}");
    world.command("a", Wish::RollBack).await.unwrap();
    assert_eq!((stage(&world), world.says().await.as_str()), (None, "allow"));
}

#[tokio::test(start_paused = true)]
async fn a_canary_takes_its_share_of_new_sessions_and_they_stay() {
    let world = World::new().await;
    world.write("a.toml", "[rollout]\ncanary = 0.2\nprobation-s = 60\n[config]\nsubject = \"old\"");
    world.put("a.wasm", "auth allow").await;
    world.write("a.toml", "[rollout]\ncanary = 0.2\nprobation-s = 60\n[config]\nsubject = \"new\"");
    world.put("a.wasm", "auth allow again").await;
    assert_eq!((world.stands("a").as_str(), stage(&world)), ("active 1 directory", Some((Stage::Canary, 2))));
    let first = said(&world, 0..500).await;
    let chosen = count(&first, "allow new");
    assert!((70..130).contains(&chosen), "{chosen}");
    assert_eq!(said(&world, 0..500).await, first, "the same client, the same side");
    assert_eq!(world.status("a").candidate.unwrap().share, Some(0.2));

    // The share grows by the API, and by that goes on for the next version, too.
    let canary = |share| Change { canary: Some(Some(Canary::of_all(Share::new(share).unwrap()))), ..Change::default() };
    world.command("a", Wish::RollOut(canary(0.6))).await.unwrap();
    let more = said(&world, 0..500).await;
    assert!((250..350).contains(&count(&more, "allow new")));
    assert!(first.iter().zip(&more).all(|(first, more)| first == more || more == "allow new"));

    let promoted = world.command("a", Wish::Promote).await.unwrap();
    assert_eq!((promoted.generation, stage(&world)), (Some(2), Some((Stage::Probation, 2))));
    assert_eq!(count(&said(&world, 0..50).await, "allow new"), 50);
    world.pass(70).await;
    assert_eq!((stage(&world), world.retired()), (None, vec![1]));
    let nothing = world.command("a", Wish::Promote).await.unwrap_err();
    assert_eq!(nothing, CommandError::NoCandidate("a".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_is_worse_is_taken_out_and_nobody_noticed() {
    let world = World::new().await;
    world.write("a.toml", "[rollout]\ncanary = 0.5");
    world.put("a.wasm", "auth allow").await;
    world.put("a.wasm", "auth trap").await;
    let all = said(&world, 0..200).await;
    assert_eq!(count(&all, "allow"), 200);
    world.pass(1).await;
    assert_eq!((world.stands("a").as_str(), stage(&world)), ("active 1 rolled-back", None));
    assert_eq!(world.status("a").last_rollback.unwrap().generation, 2);
    // A third version is tried anew; a fourth takes its place.
    world.put("a.wasm", "auth").await;
    assert_eq!(stage(&world), Some((Stage::Canary, 3)));
    world.put("a.wasm", "auth deny").await;
    assert_eq!((stage(&world), world.retired()), (Some((Stage::Canary, 4)), vec![2, 3]));
    let world = world.restart().await;
    world.see(vec![stable("a")]).await;
    assert_eq!((world.stands("a").as_str(), stage(&world)), ("active 5 last-good", Some((Stage::Canary, 6))));
    assert_eq!(renewed(&world, 1_000).await, "allow", "it came before the canary");
}

#[tokio::test(start_paused = true)]
async fn the_operator_moves_a_version_from_stage_to_stage() {
    let world = World::new().await;
    world.put("a.wasm", "auth allow").await;
    world.put("a.toml", "mode = \"shadow\"").await;
    assert_eq!((world.stands("a").as_str(), stage(&world)), ("active 1 directory", None), "what serves goes on");
    world.put("a.wasm", "auth deny").await;
    assert_eq!(stage(&world), Some((Stage::Shadow, 2)));
    let half = Canary::of_all(Share::new(0.5).unwrap());
    let change = Change { mode: Some(Mode::Enforce), canary: Some(Some(half)) };
    let status = world.command("a", Wish::RollOut(change)).await.unwrap();
    assert_eq!((status.rollout.mode, stage(&world)), (Mode::Enforce, Some((Stage::Canary, 3))));
    let shadow = Change { mode: Some(Mode::Shadow), canary: None };
    world.command("a", Wish::RollOut(shadow)).await.unwrap();
    assert_eq!(stage(&world), Some((Stage::Shadow, 4)));
    world.put("a.toml", "mode = \"enforce\"\n[rollout]\nprobation-s = 5").await;
    assert_eq!((world.says().await.as_str(), stage(&world)), ("deny 403", Some((Stage::Probation, 5))));
    assert_eq!(world.status("a").rollout.probation_s, 5, "the manifest has the last word");
    world.command("a", Wish::Disable).await.unwrap();
    assert_eq!((world.stands("a").as_str(), stage(&world)), ("disabled", None));
    let mut retired = world.retired();
    retired.sort_unstable();
    assert_eq!(retired, [1, 2, 3, 4, 5]);
    let cohort = Change { canary: Some(serde_json::from_str("{\"cohort\": \"beta\"}").unwrap()), ..Change::default() };
    let refused = world.command("a", Wish::RollOut(cohort)).await.unwrap_err();
    assert!(refused.to_string().contains("no session has a cohort"), "{refused}");
}
