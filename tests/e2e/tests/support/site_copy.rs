//! A copy of the site with one more Django migration.

use std::path::{Path, PathBuf};

use testing::checkout;

/// The copy of the site, which is removed on drop.
pub struct SiteCopy {
    directory: PathBuf,
}

impl SiteCopy {
    /// Copies the site and adds a migration of the blog that runs this Python function, whose name is `change`.
    pub fn with_migration(function: &str) -> Self {
        let directory =
            std::env::temp_dir().join(format!("site-{}", uuid::Uuid::new_v4().simple()));
        copy(&checkout().join("site"), &directory);
        let site = Self { directory };
        site.set_migration(function);
        site
    }

    /// Copies the site and adds a migration of the blog with these operations.
    pub fn with_operations(operations: &str) -> Self {
        let site = Self::with_migration("");
        site.write("", operations);
        site
    }

    /// Replaces the migration.
    pub fn set_migration(&self, function: &str) {
        self.write(function, "migrations.RunPython(change)");
    }

    fn write(&self, function: &str, operations: &str) {
        let code = format!(
            "from django.db import migrations, models\n\n\n{function}\n\n\n\
             class Migration(migrations.Migration):\n    \
             dependencies = [(\"blog\", \"0001_initial\")]\n    \
             operations = [\n        {operations}\n    ]\n"
        );
        std::fs::write(self.directory.join("blog/migrations/0002_change.py"), code).unwrap();
    }

    /// Adds code to the end of a file.
    pub fn append(&self, file: &str, code: &str) {
        let present = std::fs::read_to_string(self.directory.join(file)).unwrap();
        self.write_file(file, &format!("{present}{code}"));
    }

    /// Writes a file, and makes its folder.
    pub fn write_file(&self, file: &str, content: &str) {
        let path = self.directory.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// The directory with `manage.py`.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for SiteCopy {
    fn drop(&mut self) {
        // An error leaves files in the temporary directory, where they do no harm.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Copies a directory with everything in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target);
        } else {
            std::fs::copy(source, target).unwrap();
        }
    }
}
