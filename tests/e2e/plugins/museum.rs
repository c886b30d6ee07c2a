//! The museum: plugins as they were compiled with each release load in this server.

use std::fs;
use std::path::Path;

use super::folder::{Folder, wait_generation};
use super::router::told;
use crate::http::Request;
use crate::offers::CHROME_WHEP;

#[test]
fn plugins_of_every_release_load_and_answer() {
    let museum = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/plugins/museum");
    let folders =
        fs::read_dir(museum).expect("it is in the repository").flatten().filter(|entry| entry.path().is_dir());
    let mut releases = 0;
    for release in folders {
        let folder = Folder::new();
        let mut names = Vec::new();
        for file in fs::read_dir(release.path()).expect("a folder").flatten().map(|entry| entry.path()) {
            let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
            let config =
                if name == "auth-token" { "priority = 1\n[config]\ntoken = \"secret\"\n" } else { "[config]\n" };
            let grants = "[grants]\nkv = {}\nhttp = [{ origin = \"https://example.com\" }]\n";
            folder.manifest(&name, &format!("{config}{grants}"));
            folder.file(&name, &fs::read(&file).expect("a file"));
            names.push(name);
        }
        let server = folder.setup().demo().start();
        for name in &names {
            let status = wait_generation(&server, name, 1);
            let hook = if name.starts_with("router-") { "router/routing" } else { "auth/check" };
            assert!(status["hooks"].to_string().contains(hook), "{status}");
        }
        server.wait_live("demo");
        // The token's plugin comes first and knows it; without a token it abstains, and the other one lets in.
        for request in
            [Request::offer("/whep/demo", CHROME_WHEP).bearer("secret"), Request::offer("/whep/demo", CHROME_WHEP)]
        {
            let answer = server.send(&request).expect(201);
            if names.iter().any(|name| name.starts_with("router-")) {
                assert_eq!(told(&server, &answer)["tags"]["cohort"], "plain");
            }
        }
        let wrong = server.send(&Request::offer("/whep/demo", CHROME_WHEP).bearer("wrong"));
        assert_eq!(wrong.problem(401), "This link is not valid.");
        releases += 1;
    }
    assert!(releases > 0, "the museum is empty");
}
