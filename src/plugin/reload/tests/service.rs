//! How versions come into service and go out of it.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_first_look_loads_what_is_there() {
    let mut world = World::with(&[("a.wasm", "auth allow"), ("a.toml", "[config]\nsubject = \"alice\"")]).await;
    assert!(world.ready.try_recv().is_err());
    world.see(vec![stable("a")]).await;
    world.ready.try_recv().unwrap();
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 1 directory", "allow alice"));
    assert!(world.board.read().decides_auth);
    let decided = world.ask("s-1").await;
    let step = &decided.steps[0];
    assert_eq!((&*step.plugin, step.generation, step.outcome, &step.error), ("a", 1, "allow", &None));
}

#[tokio::test(start_paused = true)]
async fn nothing_there_is_ready_at_once() {
    let mut world = World::new().await;
    world.ready.try_recv().unwrap();
    assert_eq!(world.says().await, "abstain");
    assert!(!world.board.read().decides_auth);
    assert_eq!(world.command("a", Wish::Enable).await.unwrap_err(), CommandError::Unknown("a".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_new_version_replaces_the_old_which_is_retired() {
    let world = World::new().await;
    let changes = world.board.changes.subscribe();
    world.put("a.wasm", "auth allow").await;
    let before = *changes.borrow();
    world.put("a.wasm", "auth deny").await;
    assert!(*changes.borrow() > before);
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 2 directory", "deny 403"));
    assert_eq!(world.retired(), [1]);
    assert!(world.status("a").draining.is_empty());
    assert_eq!((world.status("a").reloads, world.status("a").refused), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_began_before_the_swap_ends_on_the_old_version() {
    let world = Arc::new(World::new().await);
    world.put("a.wasm", "auth hang allow").await;
    let call = tokio::spawn({
        let world = world.clone();
        async move { world.ask("s-1").await }
    });
    world.rest().await;
    world.put("a.wasm", "auth deny").await;
    assert_eq!(world.says().await, "deny 403");
    world.told.release.add_permits(1);
    let decided = call.await.unwrap();
    assert_eq!((word(&decided.answer).as_str(), decided.steps[0].generation), ("allow", 1));
}

#[tokio::test(start_paused = true)]
async fn the_same_again_is_nothing() {
    let world = World::new().await;
    world.put("a.wasm", "auth allow").await;
    let changes = *world.board.changes.subscribe().borrow();
    world.put("a.wasm", "auth allow").await;
    assert_eq!((world.loads(), world.stands("a").as_str()), (1, "active 1 directory"));
    assert_eq!(*world.board.changes.subscribe().borrow(), changes);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_fails_leaves_the_old_one_in_service() {
    let world = World::new().await;
    world.put("a.wasm", "auth allow").await;
    let rows = [
        ("a.wasm", "broken", "load: it is broken"),
        ("a.wasm", "auth lame", "init: it does not begin"),
        ("a.wasm", "bug", "load: the server failed on it"),
        ("a.toml", "enabld = 1", "load: "),
        ("a.toml", "hooks = [\"auth\"]\n[limits]\ncpu-ms = 0", "load: "),
    ];
    for (file, content, cause) in rows {
        world.put(file, content).await;
        assert_eq!(
            (world.stands("a").as_str(), world.says().await.as_str()),
            ("active 1 directory", "allow"),
            "{content}"
        );
        assert!(world.cause("a").starts_with(cause), "{content}: {}", world.cause("a"));
        let told = world.told("a");
        assert!(told.starts_with("not loaded: ") && told.contains("; running on: generation 1 (sha256 "), "{told}");
    }
    assert!(world.cause("a").contains("a.toml:3: `limits.cpu-ms`: 0 is out of range"), "{}", world.cause("a"));
    world.delete("a.toml");
    world.put("a.wasm", "auth deny").await;
    assert_eq!((world.stands("a").as_str(), world.cause("a").as_str()), ("active 2 directory", ""));
}

#[tokio::test(start_paused = true)]
async fn going_back_to_what_is_in_service_clears_the_refusal() {
    let world = World::new().await;
    world.put("a.wasm", "auth allow").await;
    world.put("a.wasm", "broken").await;
    world.put("a.wasm", "auth allow").await;
    assert_eq!((world.stands("a").as_str(), world.cause("a").as_str()), ("active 1 directory", ""));
}

#[tokio::test(start_paused = true)]
async fn the_file_must_have_the_digest_that_the_manifest_pins() {
    let world = World::new().await;
    world.write("a.toml", &format!("[trust]\nsha256 = \"{}\"", "0".repeat(64)));
    world.put("a.wasm", "auth allow").await;
    assert!(world.cause("a").contains("the manifest pins 0000"), "{}", world.cause("a"));
    assert_eq!(world.loads(), 0, "what is not trusted is not even compiled");
    let digest = crate::plugin::inspect::hex(&<sha2::Sha256 as sha2::Digest>::digest("auth allow"));
    world.put("a.toml", &format!("[trust]\nsha256 = \"{digest}\"")).await;
    assert_eq!(world.stands("a"), "active 1 directory");
}

#[tokio::test(start_paused = true)]
async fn a_changed_manifest_takes_the_same_road_without_compiling() {
    let world = World::new().await;
    world.put("a.wasm", "auth allow").await;
    world.put("a.toml", "[config]\nsubject = \"bob\"").await;
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 2 directory", "allow bob"));
    world.put("a.toml", "[match]\naction = [\"publish\"]").await;
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 3 directory", "abstain"));
    assert_eq!((world.loads(), world.retired()), (1, vec![1, 2]));
}

#[tokio::test(start_paused = true)]
async fn a_changed_config_goes_to_the_generation_in_service_where_it_takes_it() {
    let world = World::new().await;
    world.put("a.wasm", "auth allow flexible").await;
    world.put("a.toml", "[config]\nsubject = \"bob\"").await;
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 1 directory", "allow bob"));
    world.put("a.toml", "priority = 3\n[config]\nsubject = \"bob\"").await;
    assert_eq!((world.stands("a").as_str(), world.status("a").priority), ("active 2 directory", 3));

    world.put("b.wasm", "auth allow stubborn").await;
    world.put("b.toml", "[config]\nsubject = \"carol\"").await;
    assert_eq!(world.stands("b"), "active 1 directory");
    assert!(world.cause("b").contains("does not take the changed configuration: `subject` must not change"));
}

#[tokio::test(start_paused = true)]
async fn state_is_handed_to_the_generation_that_follows() {
    let world = World::new().await;
    world.put("a.wasm", "auth allow keeps").await;
    assert_eq!(world.says().await, "allow");
    world.put("a.wasm", "auth allow keeps two").await;
    assert_eq!((world.says().await.as_str(), world.retired()), ("allow state-of-1", vec![1]));
}

#[tokio::test(start_paused = true)]
async fn a_removed_plugin_is_drained_and_forgotten() {
    let world = World::new().await;
    world.put("a.wasm", "auth deny").await;
    world.delete("a.wasm");
    world.see(vec![Sight::Removed("a".to_owned())]).await;
    assert_eq!((world.says().await.as_str(), world.retired()), ("abstain", vec![1]));
    assert!(world.names().is_empty() && !world.board.read().decides_auth);
    world.put("a.wasm", "auth allow").await;
    assert_eq!(world.stands("a"), "active 1 directory");
}

#[tokio::test(start_paused = true)]
async fn a_directory_full_of_plugins_is_read_a_few_at_a_time() {
    let world = World::new().await;
    let names: Vec<String> = (0..50).map(|number| format!("p{number}")).collect();
    for name in &names {
        world.write(&format!("{name}.wasm"), "auth allow slow");
    }
    world.see(names.iter().cloned().map(Sight::Stable).collect()).await;
    assert_eq!(world.loads(), 32);
    world.told.release.add_permits(names.len());
    world.rest().await;
    assert_eq!(world.loads(), names.len());
    assert!(names.iter().all(|name| world.stands(name) == "active 1 directory"));
}

#[tokio::test(start_paused = true)]
async fn rules_about_countries_need_a_server_that_learns_them() {
    let world = World::new().await;
    world.services.set_knows_countries(false);
    world.write("a.toml", "priority = 1\n[match]\ncountry = [\"DE\"]\n[failure]\nload = \"closed\"");
    world.put("a.wasm", "auth allow").await;
    let cause = world.cause("a");
    assert!(cause.contains("a.toml:3: `match.country`: this server does not learn where clients are"), "{cause}");
    assert_eq!(world.loads(), 0);
    // It counts as asked about everybody, wherever they are: its policy is to refuse.
    let restarted = world.restart().await;
    restarted.services.set_knows_countries(false);
    restarted.see(vec![Sight::Stable("a".to_owned())]).await;
    assert_eq!(restarted.says().await, "deny 503");
    restarted.services.set_knows_countries(true);
    restarted.pass(2).await;
    assert_eq!((restarted.stands("a").as_str(), restarted.says().await.as_str()), ("active 1 directory", "abstain"));
}

#[tokio::test(start_paused = true)]
async fn a_manifest_switches_off_and_on() {
    let world = World::new().await;
    world.put("a.wasm", "auth deny").await;
    world.put("a.toml", "enabled = false").await;
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("disabled", "abstain"));
    assert!(!world.board.read().decides_auth);
    let error = world.command("a", Wish::Enable).await.unwrap_err();
    assert_eq!(error, CommandError::DisabledInManifest("a".to_owned()));
    world.put("a.toml", "enabled = true").await;
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 2 directory", "deny 403"));
}

#[tokio::test(start_paused = true)]
async fn a_change_during_an_attempt_is_taken_up_after_it() {
    let world = World::new().await;
    world.put("a.wasm", "auth allow slow").await;
    assert_eq!(world.stands("a"), "loading");
    assert_eq!(world.says().await, "abstain", "a plugin that comes new changes nothing before it is loaded");
    world.put("a.wasm", "auth deny").await;
    assert_eq!(world.stands("a"), "loading");
    world.told.release.add_permits(1);
    world.rest().await;
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 2 directory", "deny 403"));
}

#[tokio::test(start_paused = true)]
async fn while_a_plugin_is_loaded_at_the_start_sessions_are_refused() {
    let mut world = World::with(&[("a.wasm", "auth allow slow")]).await;
    world.see(vec![stable("a")]).await;
    assert_eq!((world.says().await.as_str(), world.stands("a").as_str()), ("deny 503", "loading"));
    assert!(world.ready.try_recv().is_err());
    world.told.release.add_permits(1);
    world.rest().await;
    assert_eq!(world.says().await, "allow");
    world.ready.try_recv().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_restart_comes_up_with_the_last_good_version() {
    let world = World::new().await;
    world.write("a.toml", "[config]\nsubject = \"old\"");
    world.put("a.wasm", "auth allow").await;
    world.put("a.wasm", "broken").await;
    world.write("a.toml", "enabld = true");
    let world = world.restart().await;
    world.see(vec![stable("a")]).await;
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 2 last-good", "allow old"));
    assert!(world.cause("a").contains("unknown key `enabld`"), "{}", world.cause("a"));
    world.delete("a.toml");
    world.put("a.wasm", "auth deny").await;
    assert_eq!((world.stands("a").as_str(), world.cause("a").as_str()), ("active 3 directory", ""));
}

#[tokio::test(start_paused = true)]
async fn a_restart_without_the_directory_comes_up_with_what_was_kept() {
    let world = World::new().await;
    world.put("a.wasm", "auth allow").await;
    world.put("b.wasm", "auth deny").await;
    world.command("b", Wish::Disable).await.unwrap();
    fs::rename(world.base.join("plugins"), world.base.join("away")).unwrap();
    let world = world.restart().await;
    world.see(vec![Sight::Lost("gone".to_owned())]).await;
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 2 last-good", "allow"));
    assert_eq!(world.stands("b"), "disabled");
}

#[tokio::test(start_paused = true)]
async fn what_was_removed_while_the_server_was_down_stays_removed() {
    let world = World::new().await;
    world.put("a.wasm", "auth deny").await;
    world.delete("a.wasm");
    let world = world.restart().await;
    world.see(vec![]).await;
    assert_eq!((world.says().await.as_str(), world.names().len()), ("abstain", 0));
}

#[tokio::test(start_paused = true)]
async fn a_comment_in_the_manifest_is_no_new_generation() {
    let world = World::new().await;
    world.write("a.toml", "priority = 1");
    world.put("a.wasm", "auth allow").await;
    world.put("a.toml", "# a comment\npriority  =  1").await;
    assert_eq!((world.stands("a").as_str(), world.status("a").reloads), ("active 1 directory", 1));
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_vanishes_changes_nothing() {
    let world = World::new().await;
    world.put("a.wasm", "auth allow").await;
    fs::rename(world.base.join("plugins"), world.base.join("away")).unwrap();
    world.see(vec![Sight::Lost("gone".to_owned())]).await;
    assert_eq!(world.says().await, "allow");
    fs::rename(world.base.join("away"), world.base.join("plugins")).unwrap();
    world.see(vec![Sight::Found, stable("a")]).await;
    assert_eq!(world.stands("a"), "active 1 directory");
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_the_manifest_names_must_be_there() {
    let world = World::new().await;
    world.write("a.toml", "hooks = [\"auth\"]");
    world.put("a.wasm", "ticks").await;
    assert!(world.cause("a").contains("names \"auth\", which it does not export; it has lifecycle/tick"));
}
