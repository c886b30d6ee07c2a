//! `wasmcast plugin new`: writes the folder of a plugin, ready to be built.

use super::project::Project;
use super::{Failure, sdk};
use crate::output;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Make the folder of a new plugin
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  wasmcast plugin new my-auth --template auth\n  wasmcast plugin build my-auth\n  \
    wasmcast serve --demo --plugins my-auth/dist\n  wasmcast plugin new my-auth --dir /srv/plugins       makes /srv/plugins/my-auth")]
pub struct Args {
    /// Name of the plugin: lower-case letters, digits and hyphens
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
    /// What it decides
    #[arg(long, value_name = "TEMPLATE", value_enum, default_value = "auth")]
    template: Template,
    /// Where to make the folder NAME
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// What a new plugin begins with.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Template {
    /// Who may publish and play
    Auth,
    /// Where sessions are served, and which stream and cohort they get
    Router,
    /// How many may come, and how often
    Ratelimit,
    /// Nothing: it is told what happens, and how the tracks do
    Observer,
}

impl Template {
    /// Files by their path; `NAME` in path and text stands for the plugin's name.
    fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Template::Auth => &[
                ("Cargo.toml", include_str!("../../../sdk/templates/auth/Cargo.toml.in")),
                ("NAME.toml", include_str!("../../../sdk/templates/auth/NAME.toml")),
                (".gitignore", include_str!("../../../sdk/templates/auth/gitignore")),
                ("src/lib.rs", include_str!("../../../sdk/templates/auth/src/lib.rs")),
                ("tests/answers.rs", include_str!("../../../sdk/templates/auth/tests/answers.rs")),
            ],
            Template::Router => &[
                ("Cargo.toml", include_str!("../../../sdk/templates/router/Cargo.toml.in")),
                ("NAME.toml", include_str!("../../../sdk/templates/router/NAME.toml")),
                (".gitignore", include_str!("../../../sdk/templates/router/gitignore")),
                ("src/lib.rs", include_str!("../../../sdk/templates/router/src/lib.rs")),
                ("tests/answers.rs", include_str!("../../../sdk/templates/router/tests/answers.rs")),
            ],
            Template::Ratelimit => &[
                ("Cargo.toml", include_str!("../../../sdk/templates/ratelimit/Cargo.toml.in")),
                ("NAME.toml", include_str!("../../../sdk/templates/ratelimit/NAME.toml")),
                (".gitignore", include_str!("../../../sdk/templates/ratelimit/gitignore")),
                ("src/lib.rs", include_str!("../../../sdk/templates/ratelimit/src/lib.rs")),
                ("tests/answers.rs", include_str!("../../../sdk/templates/ratelimit/tests/answers.rs")),
            ],
            Template::Observer => &[
                ("Cargo.toml", include_str!("../../../sdk/templates/observer/Cargo.toml.in")),
                ("NAME.toml", include_str!("../../../sdk/templates/observer/NAME.toml")),
                (".gitignore", include_str!("../../../sdk/templates/observer/gitignore")),
                ("src/lib.rs", include_str!("../../../sdk/templates/observer/src/lib.rs")),
                ("tests/answers.rs", include_str!("../../../sdk/templates/observer/tests/answers.rs")),
            ],
        }
    }
}

/// Runs `wasmcast plugin new`.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let folder = folder(args);
    write(&folder, &args.name, args.template)?;
    Project::open(&folder)?.connect(&sdk::cache()?)?;
    let shown = folder.display();
    output::say(&format!(
        "{shown}/src/lib.rs is the plugin, {shown}/{}.toml the operator's manifest. Next:\n\n  wasmcast plugin build {shown}\n  \
         wasmcast serve --demo --plugins {shown}/dist\n",
        args.name
    ));
    Ok(ExitCode::SUCCESS)
}

/// `DIR/NAME`, without a `./` that tells nobody anything.
fn folder(args: &Args) -> PathBuf {
    if args.dir == Path::new(".") { PathBuf::from(&args.name) } else { args.dir.join(&args.name) }
}

/// Writes the template's files. A folder with anything in it is left alone.
fn write(folder: &Path, name: &str, template: Template) -> Result<(), Failure> {
    let empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(Failure::File { what: "cannot open", path: folder.to_owned(), error }),
    };
    if !empty {
        let text = format!("{} is not empty; take another name, or another place with --dir", folder.display());
        return Err(Failure::Usage(text));
    }
    for (path, text) in template.files() {
        let file = folder.join(path.replace("NAME", name));
        let parent = file.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&file, text.replace("NAME", name)))
            .map_err(Failure::file("cannot write", &file))?;
    }
    Ok(())
}

/// A name that is fine for a package, a file, a label and a URL.
fn name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let begins = text.starts_with(|first: char| first.is_ascii_lowercase());
    match begins && text.len() <= 64 && !text.ends_with('-') && text.bytes().all(fits) {
        true => Ok(text.to_owned()),
        false => Err("write 1 to 64 lower-case letters, digits and hyphens, a letter first".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_folder_is_a_project() {
        let base = std::env::temp_dir().join(format!("wasmcast-new-{}", std::process::id()));
        let folder = base.join("my-auth");
        write(&folder, "my-auth", Template::Auth).unwrap();
        let project = Project::open(&folder).unwrap();
        assert_eq!(project.name, "my-auth");
        assert!(project.manifest().is_file() && folder.join("src/lib.rs").is_file());
        assert!(fs::read_to_string(project.manifest()).unwrap().parse::<toml::Table>().is_ok());
        let arguments = project.connect(&base.join("cache")).unwrap();
        assert!(arguments.is_empty() && folder.join(".cargo/config.toml").is_file());
        // A second time it is not written over; another's configuration of Cargo is not touched.
        assert!(matches!(write(&folder, "my-auth", Template::Auth), Err(Failure::Usage(_))));
        fs::write(folder.join(".cargo/config.toml"), "[net]\noffline = true\n").unwrap();
        assert_eq!(project.connect(&base.join("cache")).unwrap()[0], "--config");
        fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn the_folder_of_a_plugin_has_its_name_wherever_it_is() {
        for (dir, expected) in [(".", "my-auth"), ("/srv/work", "/srv/work/my-auth"), ("work/", "work/my-auth")] {
            let args = Args { name: "my-auth".to_owned(), template: Template::Auth, dir: dir.into() };
            assert_eq!(folder(&args), Path::new(expected));
        }
    }

    #[test]
    fn names_fit_everywhere() {
        let rows = [("auth", true), ("my-auth2", true), ("2auth", false), ("Auth", false), ("a/b", false), ("", false)];
        for (text, fits) in rows.into_iter().chain([("a-", false), ("ä", false), ("a_b", false)]) {
            assert_eq!(name(text).is_ok(), fits, "{text}");
        }
    }
}
