//! Settings for the processes of the demo that write files: those of the site, with uploads in a directory of the run.

use std::io;
use std::path::Path;
use std::process::Command;

/// The module, which begins with the site's own settings.
const MODULE: &str = include_str!("demo_settings.py");
const NAME: &str = "wagrun_demo_settings";

/// Gives a command of `manage.py` these settings instead of `settings`. The module and the uploads are in `run`.
pub(super) fn apply(command: &mut Command, run: &Path, settings: &str) -> io::Result<()> {
    let (modules, media) = (run.join("settings"), run.join("media"));
    std::fs::create_dir_all(&modules)?;
    std::fs::create_dir_all(&media)?;
    std::fs::write(modules.join(format!("{NAME}.py")), MODULE)?;
    let mut path = modules.into_os_string();
    if let Some(own) = std::env::var_os("PYTHONPATH").filter(|own| !own.is_empty()) {
        path.push(":");
        path.push(own);
    }
    command
        .env("PYTHONPATH", path)
        .env("DJANGO_SETTINGS_MODULE", NAME)
        .env("WAGRUN_DEMO_SETTINGS", settings)
        .env("WAGRUN_DEMO_MEDIA", media);
    Ok(())
}
