//! What is refused: what callers get then, what is told of it, and when it is tried again.

use super::*;

#[tokio::test(start_paused = true)]
async fn policies_decide_what_callers_get_while_a_version_fails() {
    // The manifest's policy, what fails, what is said with an earlier version in service and without one.
    let rows = [
        ("load = \"last-good\"", "auth broken readable", "allow", "deny 503"),
        ("load = \"closed\"", "auth broken readable", "deny 503", "deny 503"),
        ("load = \"open\"", "auth broken readable", "abstain", "abstain"),
        ("init = \"last-good\"", "auth lame", "allow", "deny 503"),
        ("init = \"closed\"", "auth lame", "deny 503", "deny 503"),
        ("init = \"open\"", "auth lame", "abstain", "abstain"),
        ("load = \"closed\"", "broken readable", "deny 503", "abstain"),
    ];
    for (policy, file, with_old, without) in rows {
        let world = World::new().await;
        world.write("a.toml", &format!("[failure]\n{policy}"));
        world.put("a.wasm", file).await;
        assert_eq!((world.says().await.as_str(), world.stands("a").as_str()), (without, "failed"), "{policy} {file}");
        world.put("a.wasm", "auth allow").await;
        assert_eq!(world.says().await, "allow");
        if file.starts_with("auth") {
            world.put("a.wasm", file).await;
            assert_eq!(world.says().await, with_old, "{policy} {file}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_nothing_is_known_of_closes_only_what_it_may_have_guarded() {
    let world = World::with(&[("a.wasm", "broken")]).await;
    world.see(vec![stable("a")]).await;
    assert_eq!(world.says().await, "deny 503");
    world.put("a.toml", "[match]\nstream = [\"vip/*\"]").await;
    assert_eq!(world.says().await, "abstain", "what its manifest does not match is not its business");

    let world = World::new().await;
    world.put("a.wasm", "broken").await;
    assert_eq!((world.says().await.as_str(), world.stands("a").as_str()), ("abstain", "failed"));
    world.put("a.toml", "hooks = [\"auth\"]").await;
    assert_eq!(world.says().await, "deny 503", "the manifest says that it is one");
}

#[tokio::test(start_paused = true)]
async fn junk_that_is_added_to_a_running_server_is_not_told_to_close_it() {
    let world = World::new().await;
    world.put("junk.wasm", "broken").await;
    assert_eq!(world.says().await, "abstain");
    assert_eq!(world.told("junk"), "not loaded: it is broken; running on: nothing; sessions are decided without it");
    let world = World::with(&[("a.wasm", "broken")]).await;
    world.see(vec![stable("a")]).await;
    assert_eq!(world.says().await, "deny 503");
    assert_eq!(world.told("a"), "not loaded: it is broken; running on: nothing; answers: closed (failure.load)");
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_not_set_closes_no_more_than_the_manifest_matches() {
    let rows = [
        ("[match]\nstream = [\"e/**\"]", "abstain"),
        ("[match]\nstream = [\"live/**\"]", "deny 503"),
        ("[match]\nstrem = [\"e/**\"]", "deny 503"),
        ("[match]\nstream = [\"e/**\"]\n[failure]\nlaod = \"open\"", "deny 503"),
        ("[failure]\nload = \"open\"", "abstain"),
        ("hooks = [\"auht\"]", "deny 503"),
        ("enabled = false", "abstain"),
    ];
    for (manifest, said) in rows {
        let manifest = format!("{manifest}\n[config]\ntoken = {{ secret = \"env:WASMCAST_TEST_NOT_SET\" }}");
        let world = World::with(&[("a.wasm", "auth allow"), ("a.toml", manifest.as_str())]).await;
        world.see(vec![stable("a")]).await;
        assert_eq!(world.says().await, said, "{manifest}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_manifest_full_of_mistakes_does_not_fill_the_status() {
    let world = World::new().await;
    world.put("a.wasm", "auth allow").await;
    let keys: Vec<String> = (0..2_000).map(|number| format!("{}{number} = 1\n", "k".repeat(500))).collect();
    world.put("a.toml", &keys.concat()).await;
    let cause = world.cause("a");
    assert!(cause.contains("a.toml:1: unknown key") && cause.len() < 17_000, "{} {cause:.200}", cause.len());
    assert!(cause.ends_with("and 1980 more of the kind"), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn what_may_do_better_later_is_tried_again() {
    let world = World::new().await;
    world.put("a.wasm", "auth lame").await;
    assert_eq!((world.stands("a").as_str(), world.status("a").refused), ("failed", 1));
    for (seconds, loads) in [(1, 2), (1, 2), (1, 3), (3, 3), (1, 4)] {
        world.pass(seconds).await;
        assert_eq!((world.loads(), world.status("a").refused), (loads, 1), "a retry is no other version");
    }
    world.told.healed.store(1, Ordering::Relaxed);
    world.pass(8).await;
    assert_eq!(world.stands("a"), "active 1 directory");
    world.put("a.wasm", "broken").await;
    let loads = world.loads();
    world.pass(3_600).await;
    assert_eq!((world.loads(), world.status("a").refused), (loads, 2), "what is broken stays broken");
    world.put("a.wasm", "broken ").await;
    assert_eq!(world.status("a").refused, 3, "another file with the same fault is another refusal");
}
