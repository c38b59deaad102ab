//! Runs the manifests: a small kubelet starts a pod's containers in order, each with the command, environment, volumes
//! and security context of the manifest, against a real database.
//!
//! Not covered: seccomp's RuntimeDefault, a network per pod (so the proxy does not run, and the health port is any free
//! one), and images (directories take their place).

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::deploy::kubernetes::{containers, is_sidecar, manifests, pods};
use crate::deploy::yaml::{items, read, text};
use crate::support::{
    Database, Doorstep, MysqlDatabase, Output, PASSWORD, Project, Running, copy_of_binary, is_root, mysql,
};

/// Builds a container's root from tmpfs and bind mounts, and executes its command in it. $1: the root, $2: the image,
/// $3: the file behind /dev/termination-log, $4: ro or rw, $5: volumes, as lines of `directory path options`; then the rest.
const CONTAINER: &str = r#"
set -eu
root=$1 image=$2 log=$3 access=$4 volumes=$5
shift 5
mount -t tmpfs none "$root"
cp -a "$image/." "$root"
# Nothing but the mount keeps anybody from writing there.
chmod -R a+rwX "$root"
mkdir -p "$root/usr" "$root/proc" "$root/dev"
for directory in bin sbin lib lib64; do
    if [ -L "/$directory" ]; then cp -a "/$directory" "$root"
    elif [ -d "/$directory" ]; then mkdir "$root/$directory"; mount --bind -o ro "/$directory" "$root/$directory"; fi
done
mount --bind /usr "$root/usr"
mount -o remount,bind,ro "$root/usr"
mount --rbind /proc "$root/proc"
touch "$root/dev/null" "$root/dev/termination-log"
mount --bind /dev/null "$root/dev/null"
mount --bind "$log" "$root/dev/termination-log"
printf %s "$volumes" | while read -r directory path options; do
    mkdir -p "$root$path"
    mount --bind "$directory" "$root$path"
    mount -o "remount,bind,$options" "$root$path"
done
mount -o "remount,bind,$access" "$root"
exec chroot "$root" "$@"
"#;

/// The service: prints its arguments, user, capabilities, the paths that it could write to, and its environment.
const SERVICE: &str = r#"#!/bin/sh
echo "service $*: uid $(id -u):$(id -g), $(grep -h -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status | tr -s '\t\n' ' ')"
for path in / /app /dev /doorstep /tmp; do (: > "$path/written") 2>/dev/null && echo "could write to $path"; done
[ ! -e /run/secrets/owner ] || echo "sees the owner's URL"
env
exit 0
"#;

/// One node: images, a database with the two roles of roles.sql, and the user ids of the manifests.
struct Node {
    database: Database,
    roles: [String; 2],
    project: Project,
    /// Instead of the manifest's.
    uid: Option<u32>,
    mysql: Option<MysqlDatabase>,
}

impl Node {
    fn new() -> Self {
        Self::with_uid(None)
    }

    fn with_uid(uid: Option<u32>) -> Self {
        let schema = "datasource db {\n  provider = \"postgresql\"\n}\nmodel Order {\n  id Int @id\n}\n";
        let project = Project::bare()
            .file("shop/app/prisma/schema.prisma", schema)
            .file("shop/app/prisma/migrations/migration_lock.toml", "provider = \"postgresql\"\n")
            .file(
                "shop/app/prisma/migrations/1_init/migration.sql",
                "CREATE TABLE \"Order\" (id integer PRIMARY KEY);\n",
            )
            .file("shop/image/bin/node", SERVICE)
            .file("doorstep/etc/empty", "");
        for (image, path) in [("shop", "image/bin/doorstep"), ("doorstep", "doorstep")] {
            copy_of_binary(&project.path(image).join(path));
        }
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(project.path("shop/image/bin/node"), executable).unwrap();
        let database = Database::fresh();
        let roles = ["owner", "user"].map(|role| format!("shop_{role}_{}", database.name));
        let sql = read("deploy/kubernetes/roles.sql").replace("'secret'", &format!("'{PASSWORD}'"));
        // Longest first, as the one name is the beginning of the other.
        database.sql(
            &sql.replace("shop_owner", &roles[0])
                .replace("ROLE shop ", &format!("ROLE {} ", roles[1]))
                .replace("TO shop;", &format!("TO {};", roles[1])),
        );
        Self { database, roles, project, uid, mysql: None }
    }

    /// A node whose image has a folder for MySQL, and its database with the two accounts of mysql-accounts.sql.
    fn on_mysql() -> Self {
        let mut node = Self::new();
        let schema = "datasource db {\n  provider = \"mysql\"\n}\nmodel Order {\n  id Int @id\n}\n";
        node.project.write("shop/app/prisma/schema.prisma", schema);
        node.project.write("shop/app/prisma/migrations/migration_lock.toml", "provider = \"mysql\"\n");
        let script = "CREATE TABLE `Order` (`id` INTEGER NOT NULL, PRIMARY KEY (`id`));\n";
        node.project.write("shop/app/prisma/migrations/1_init/migration.sql", script);
        let database = MysqlDatabase::absent();
        let sql = read("deploy/kubernetes/mysql-accounts.sql").replace("'secret'", &format!("'{PASSWORD}'"));
        let sql = sql.replace("`shop`", &format!("`{}`", database.name));
        let [owner, user] = &node.roles;
        mysql("", &sql.replace("'shop_owner'", &format!("'{owner}'")).replace("'shop'", &format!("'{user}'")));
        node.mysql = Some(database);
        node
    }

    /// The value of a secret's key: the manifest's, with this node's database in it.
    fn secret(&self, name: &str, key: &str) -> String {
        let (_, secret) =
            manifests().into_iter().find(|(_, of)| of["kind"] == "Secret" && of["metadata"]["name"] == name).unwrap();
        let url = text(&secret["stringData"], key);
        let role = if url.contains("shop_owner:") { &self.roles[0] } else { &self.roles[1] };
        if let Some(database) = &self.mysql {
            return database.url_as(role);
        }
        let parameters = url.split_once('?').map(|(_, parameters)| format!("?{parameters}"));
        self.database.url_as(role) + &parameters.unwrap_or_default()
    }

    /// The directories behind a pod's volumes.
    fn volumes(&self, pod: &Value, place: &Path) -> Vec<(String, PathBuf)> {
        let volume = |volume: &Value| {
            let directory = place.join(text(volume, "name"));
            std::fs::create_dir_all(&directory).unwrap();
            // An emptyDir is open to every uid.
            std::fs::set_permissions(&directory, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
            for source in items(&volume["projected"], "sources") {
                let name = text(&source["secret"], "name");
                let keys = match items(&source["secret"], "items") {
                    all if all.is_empty() => vec![("url", "url"), ("migrate-url", "migrate-url")],
                    some => some.into_iter().map(|item| (text(item, "key"), text(item, "path"))).collect(),
                };
                for (key, path) in keys {
                    std::fs::write(directory.join(path), self.secret(name, key)).unwrap();
                }
            }
            (text(volume, "name").to_owned(), directory)
        };
        items(pod, "volumes").into_iter().map(volume).collect()
    }

    fn start(&self, name: &str, pod: &Value, container: &Value) -> Running {
        let place = self.project.path(&format!("pods/{name}"));
        let volumes = self.volumes(pod, &place);
        let (root, log) = (place.join(format!("root-{}", text(container, "name"))), place.join("termination-log"));
        std::fs::create_dir_all(&root).unwrap();
        std::fs::write(&log, "").unwrap();
        std::fs::set_permissions(&log, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        let mount = |mount: &Value| {
            let (_, directory) = volumes.iter().find(|(volume, _)| volume == text(mount, "name")).unwrap();
            let options = if mount["readOnly"] == true { "ro" } else { "rw" };
            format!("{} {} {options}\n", directory.display(), text(mount, "mountPath"))
        };
        let mounts: String = items(container, "volumeMounts").into_iter().map(mount).collect();
        // registry.example/shop:1.4.0 is the directory shop.
        let image = text(container, "image").rsplit('/').next().unwrap().split(':').next().unwrap();

        let (of_pod, own) = (&pod["securityContext"], &container["securityContext"]);
        let number = |key: &str| self.uid.map_or_else(|| of_pod[key].to_string(), |uid| uid.to_string());
        let mut words = vec!["setpriv".to_owned(), "--clear-groups".to_owned()];
        words.extend([format!("--reuid={}", number("runAsUser")), format!("--regid={}", number("runAsGroup"))]);
        if own["allowPrivilegeEscalation"] == false {
            words.push("--no-new-privs".to_owned());
        }
        for dropped in items(&own["capabilities"], "drop") {
            let names = dropped.as_str().unwrap().to_lowercase();
            words.extend([format!("--inh-caps=-{names}"), format!("--bounding-set=-{names}")]);
        }
        let access = if own["readOnlyRootFilesystem"] == true { "ro" } else { "rw" };
        let directory = container["workingDir"].as_str().unwrap_or("/");
        words.extend(["env", "-i", "-C", directory, "PATH=/image/bin:/usr/bin:/bin"].map(str::to_owned));
        for variable in items(container, "env") {
            let value = match (text(variable, "name"), &variable["valueFrom"]["fieldRef"]["fieldPath"]) {
                ("DOORSTEP_HEALTH_ADDR", _) => "127.0.0.1:0",
                (_, path) if path == "metadata.name" => name,
                _ => text(variable, "value"),
            };
            words.push(format!("{}={value}", text(variable, "name")));
        }
        // Without a command, the image's entrypoint.
        let entrypoint = container.get("command").is_none().then_some("/doorstep".to_owned());
        words.extend(entrypoint);
        for list in ["command", "args"] {
            words.extend(items(container, list).into_iter().map(|word| word.as_str().unwrap().to_owned()));
        }
        let image = self.project.path(image);
        let first: Vec<&str> = [root.as_path(), &image, &log].map(|path| path.to_str().unwrap()).into();
        let first = [&["-m", "sh", "-c", CONTAINER, "container"], &first[..], &[access, &mounts]].concat();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Doorstep::through("unshare", &first, &words).spawn()
    }

    /// Runs a pod to its end or to its first failure; returns the output of each container by name.
    fn run(&self, name: &str, pod: &Value) -> Vec<(String, Output)> {
        let mut outputs = Vec::new();
        for container in containers(pod).into_iter().filter(|container| !is_sidecar(container)) {
            let output = self.start(name, pod, container).finish(text(container, "name"));
            let failed = output.code != Some(0);
            outputs.push((text(container, "name").to_owned(), output));
            if failed {
                break;
            }
        }
        outputs
    }

    /// What `kubectl describe pod` would show.
    fn termination_message(&self, name: &str) -> String {
        std::fs::read_to_string(self.project.path(&format!("pods/{name}/termination-log"))).unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        for role in &self.roles {
            let sql = format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}");
            if !std::thread::panicking() {
                self.database.sql(&sql);
                if self.mysql.is_some() {
                    mysql("", &format!("DROP USER '{role}'@'%'"));
                }
            }
        }
    }
}

/// Whether this machine lets the test build a container.
fn possible() -> bool {
    let mounts =
        || Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).status().unwrap().success();
    let possible = is_root() && mounts();
    if !possible {
        eprintln!("skipped: to build a container needs root");
    }
    possible
}

/// The pod of a file whose manifest is of this kind.
fn pod_of(file: &str, kind: &str) -> Value {
    pods().into_iter().find(|(path, manifest, _)| path.ends_with(file) && manifest["kind"] == kind).unwrap().2
}

#[track_caller]
fn succeeded(outputs: Vec<(String, Output)>, expected: &[&str]) -> Output {
    let names: Vec<&str> = outputs.iter().map(|(name, _)| name.as_str()).collect();
    let last = outputs.last().unwrap();
    assert_eq!(names, expected, "{}", last.1.stderr);
    let (_, output) = outputs.into_iter().next_back().unwrap();
    output.code(0)
}

#[test]
fn each_way_of_deploying_starts_the_service_without_any_privilege() {
    if !possible() {
        return;
    }
    for (file, uid, started) in [
        ("init-container.yaml", None, ["install", "doorstep", "shop"].as_slice()),
        // As OpenShift does: a user id that no image has in /etc/passwd.
        ("init-container.yaml", Some(1_000_650_000), &["install", "doorstep", "shop"]),
        ("entrypoint.yaml", None, &["shop"]),
        ("entrypoint.yaml", Some(1_000_650_000), &["shop"]),
        ("sidecar-proxy.yaml", None, &["doorstep", "shop"]),
        ("blue-green.yaml", None, &["doorstep", "shop"]),
    ] {
        let node = Node::with_uid(uid);
        let pod = pod_of(file, "Deployment");
        let service = succeeded(node.run("shop-7d9f8-x2x4q", &pod), started);
        let uid = uid.unwrap_or(65532);
        let none = "CapEff: 0000000000000000 CapBnd: 0000000000000000 NoNewPrivs: 1";
        let service = service.stdout_has(&format!("service server.js: uid {uid}:{uid}, {none}"));
        assert!(
            !service.stdout.contains("could write") && !service.stdout.contains("sees the owner's"),
            "{}",
            service.stdout
        );
        assert!(!service.stdout.contains("DOORSTEP_MIGRATE_URL"), "{}", service.stdout);
        assert_eq!(
            node.database.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'Order'"),
            node.roles[0],
            "{file}"
        );
    }
}

#[test]
fn on_mysql_the_init_container_migrates_with_one_account_and_the_service_has_the_other() {
    if !possible() {
        return;
    }
    let node = Node::on_mysql();
    let pod = pod_of("/mysql.yaml", "Deployment");
    for applied in ["(1 applied)", "(0 applied)"] {
        let outputs = node.run("shop-7d9f8-x2x4q", &pod);
        let said = outputs[0].1.stderr.clone();
        assert!(said.contains(applied), "{said}");
        let service = succeeded(outputs, &["doorstep", "shop"]).stdout_has("service server.js: uid 65532:65532");
        assert!(!service.stdout.contains("sees the owner's"), "{}", service.stdout);
    }
    let database = node.mysql.as_ref().unwrap();
    assert_eq!(database.sql("SELECT COUNT(*) FROM `Order`"), "0");
}

#[test]
fn followers_start_when_the_job_is_done_and_read_only() {
    if !possible() {
        return;
    }
    let node = Node::new();
    // Only the rights that roles.sql gives to a follower.
    let [owner, user] = &node.roles;
    node.database
        .sql(&format!("ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE INSERT, UPDATE, DELETE ON TABLES FROM {user}"));
    let (job, followers) = (pod_of("job-and-followers.yaml", "Job"), pod_of("job-and-followers.yaml", "Deployment"));
    let worker = containers(&followers)[0];
    let mut follower = node.start("shop-follower", &followers, worker);
    follower.until_stderr("waiting for another process to migrate");
    succeeded(node.run("shop-migrate", &job), &["doorstep"]).stderr_has("(1 applied)");
    follower.finish("follower").code(0).stdout_has("service worker.js: uid 65532");
}

#[test]
fn a_job_that_cannot_succeed_says_so_by_its_code_and_in_its_termination_message() {
    if !possible() {
        return;
    }
    let job = pod_of("job-and-followers.yaml", "Job");
    let node = Node::new();
    node.project.write("shop/app/prisma/migrations/2_bad/migration.sql", "SELECT nonsense;");
    let run = |name: &str| node.run(name, &job).pop().unwrap().1;
    run("failed").code(65).stderr_has("nothing of it was kept");
    assert!(
        node.termination_message("failed").contains("migration 2_bad failed"),
        "{}",
        node.termination_message("failed")
    );
    // The table exists, but not the column that the service needs.
    std::fs::remove_dir_all(node.project.path("shop/app/prisma/migrations/2_bad")).unwrap();
    node.database.sql("DELETE FROM _prisma_migrations WHERE migration_name = '2_bad'; DROP TABLE \"Order\"");
    run("missing").code(3).stderr_has("public.Order");
    assert!(node.termination_message("missing").contains("public.Order"));
}
