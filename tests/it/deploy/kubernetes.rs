//! The manifests of deploy/kubernetes, checked as the API server checks them: against its schemas, then against those
//! of its rules that the schemas do not express, then against doorstep's own guarantees.

use std::collections::{BTreeMap, BTreeSet};

use doorstep::internals::Layer;
use serde_json::{Value, json};

use crate::deploy::openapi::Schemas;
use crate::deploy::yaml::{documents, files_in, items, read, text};
use crate::support::Doorstep;

pub(crate) const DIRECTORY: &str = "deploy/kubernetes";

/// Releases whose schemas are in tests/kubernetes.
const RELEASES: [&str; 2] = ["1.29", "1.37"];

/// Every document, with its file.
pub(crate) fn manifests() -> Vec<(String, Value)> {
    let of_file = |path: String| documents(&read(&path)).into_iter().map(move |value| (path.clone(), value));
    files_in(DIRECTORY).into_iter().flat_map(of_file).collect()
}

/// Those with pods, with the spec of the pod.
pub(crate) fn pods() -> Vec<(String, Value, Value)> {
    let with_pod = |(path, manifest): (String, Value)| {
        let pod = manifest["spec"]["template"]["spec"].clone();
        pod.is_object().then_some((path, manifest, pod))
    };
    manifests().into_iter().filter_map(with_pod).collect()
}

/// Init containers, then containers: the order in which they start.
pub(crate) fn containers(pod: &Value) -> Vec<&Value> {
    [items(pod, "initContainers"), items(pod, "containers")].concat()
}

pub(crate) fn is_sidecar(container: &Value) -> bool {
    container["restartPolicy"] == "Always"
}

/// Whether a container runs doorstep, by its command or its image.
fn is_doorstep(container: &Value) -> bool {
    container["command"][0].as_str().is_some_and(|program| program.ends_with("doorstep"))
        || text(container, "image").contains("/doorstep:")
}

fn faults(release: &str, manifest: &Value) -> Vec<String> {
    let schemas = Schemas(serde_json::from_str(&read(&format!("tests/kubernetes/{release}.json"))).unwrap());
    let kind = format!("{} {}", text(manifest, "apiVersion"), text(manifest, "kind"));
    match schemas.0["kinds"][&kind].as_str() {
        Some(definition) => schemas.faults(definition, manifest),
        None => vec![format!("{kind}: no such kind here (tests/kubernetes/vendor)")],
    }
}

#[test]
fn every_manifest_has_the_fields_that_kubernetes_knows_and_no_others() {
    for (path, manifest) in manifests() {
        for release in RELEASES {
            assert_eq!(faults(release, &manifest), Vec::<String>::new(), "{path}, Kubernetes {release}");
        }
    }
}

#[test]
fn a_slip_in_a_manifest_is_found() {
    let (_, job) = manifests().into_iter().find(|(_, manifest)| manifest["kind"] == "Job").unwrap();
    let container = "/spec/template/spec/containers/0";
    for (place, key, slip, expected) in [
        ("", "kind", json!("Jobs"), "batch/v1 Jobs: no such kind"),
        ("", "status", json!({}), ".status: is no field"),
        ("/spec", "backofLimit", json!(5), ".spec.backofLimit: is no field"),
        ("/spec", "backoffLimit", json!("5"), ".spec.backoffLimit: is string"),
        ("/spec", "backoffLimit", json!(1_u64 << 40), ".spec.backoffLimit: 1099511627776 is out of range"),
        ("/spec", "backoffLimit", Value::Null, ".spec.backoffLimit: has no value"),
        ("/spec", "podFailurePolicy", json!({}), ".spec.podFailurePolicy: lacks rules"),
        (
            "/spec/podFailurePolicy/rules/0",
            "action",
            Value::Null,
            ".spec.podFailurePolicy.rules[0].action: has no value",
        ),
        (container, "securityContext", json!({ "readonly": true }), ".securityContext.readonly: is no field"),
        (container, "command", json!("doorstep run"), "containers[0].command: is string"),
        (container, "env", json!([{ "value": "x" }]), "containers[0].env[0]: lacks name"),
        (container, "env", json!([{ "name": "X", "value": true }]), "containers[0].env[0].value: is boolean"),
        (
            container,
            "resources",
            json!({ "limits": { "memory": [1] } }),
            ".resources.limits.memory: is [1], which does not fit",
        ),
    ] {
        let mut job = job.clone();
        job.pointer_mut(place).unwrap()[key] = slip;
        let found = faults(RELEASES[1], &job).join("\n");
        assert!(found.contains(expected), "{expected}\n---\n{found}");
    }
}

#[test]
fn words_that_older_yaml_takes_for_booleans_are_quoted() {
    // Kubernetes reads YAML 1.1, the test's parser 1.2.
    for path in files_in(DIRECTORY) {
        for line in read(&path).lines().filter(|line| !line.trim_start().starts_with('#')) {
            let words: Vec<&str> = line.split([' ', ',', '{', '}', '[', ']']).collect();
            let ambiguous =
                words.iter().any(|word| ["y", "n", "yes", "no", "on", "off"].contains(&word.to_lowercase().as_str()));
            assert!(!ambiguous, "{path}: {line}");
        }
    }
}

#[test]
fn values_of_which_the_schema_knows_only_the_type_are_of_those_that_exist() {
    for (path, manifest, pod) in pods() {
        for (value, known) in [
            (&pod["restartPolicy"], ["Always", "Never", "OnFailure"].as_slice()),
            (&pod["securityContext"]["seccompProfile"]["type"], &["RuntimeDefault"]),
        ] {
            assert!(value.is_null() || known.contains(&value.as_str().unwrap()), "{path}: {value}");
        }
        // Pods of a Job must not restart for ever; pods of a Deployment must always restart.
        let allowed = if manifest["kind"] == "Job" { ["Never", "OnFailure"].as_slice() } else { &["", "Always"] };
        assert!(allowed.contains(&pod["restartPolicy"].as_str().unwrap_or_default()), "{path}");
        for container in containers(&pod) {
            let policy = &container["restartPolicy"];
            assert!(
                policy.is_null() || items(&pod, "initContainers").contains(&container) && policy == "Always",
                "{path}"
            );
            for list in ["command", "args"] {
                assert!(items(container, list).iter().all(|word| word.is_string()), "{path}: {list}");
            }
        }
    }
}

#[test]
fn selectors_ports_volumes_and_secrets_meet() {
    let all = manifests();
    let secrets: BTreeMap<&str, &Value> = all
        .iter()
        .filter(|(_, manifest)| manifest["kind"] == "Secret")
        .map(|(_, secret)| (text(&secret["metadata"], "name"), &secret["stringData"]))
        .collect();
    let within =
        |small: &Value, large: &Value| small.as_object().unwrap().iter().all(|(key, value)| large[key] == *value);
    for (path, manifest, pod) in pods() {
        let labels = &manifest["spec"]["template"]["metadata"]["labels"];
        if manifest["kind"] == "Deployment" {
            assert!(within(&manifest["spec"]["selector"]["matchLabels"], labels), "{path}");
        }
        let mut ports = BTreeSet::new();
        let volumes: BTreeSet<&str> = items(&pod, "volumes").into_iter().map(|volume| text(volume, "name")).collect();
        let (mut mounted, mut names) = (BTreeSet::new(), BTreeSet::new());
        for container in containers(&pod) {
            assert!(names.insert(text(container, "name")), "{path}: two containers of one name");
            let own: BTreeSet<&str> = items(container, "ports").into_iter().map(|port| text(port, "name")).collect();
            assert!(own.iter().all(|name| name.len() <= 15), "{path}: a port's name has up to 15 characters: {own:?}");
            for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
                let port = &container[probe]["httpGet"]["port"];
                assert!(port.is_null() || own.contains(port.as_str().unwrap()), "{path}: {probe} {port}");
            }
            ports.extend(own);
            mounted.extend(items(container, "volumeMounts").into_iter().map(|mount| text(mount, "name")));
        }
        assert_eq!(mounted, volumes, "{path}: mounted, and there");
        for volume in items(&pod, "volumes") {
            for source in items(&volume["projected"], "sources") {
                let secret = secrets[text(&source["secret"], "name")];
                for item in items(&source["secret"], "items") {
                    assert!(secret[text(item, "key")].is_string(), "{path}: {item}");
                }
            }
        }
        for (_, service) in all.iter().filter(|(of, manifest)| *of == path && manifest["kind"] == "Service") {
            assert!(within(&service["spec"]["selector"], labels), "{path}: nobody is selected");
            for port in items(&service["spec"], "ports") {
                assert!(ports.contains(text(port, "targetPort")), "{path}: {port}");
            }
        }
    }
}

#[test]
fn every_container_is_locked_down() {
    for (path, _, pod) in pods() {
        let of_pod = &pod["securityContext"];
        assert_eq!(of_pod["runAsNonRoot"], true, "{path}");
        assert!(of_pod["runAsUser"].as_u64().is_some_and(|uid| uid > 0), "{path}");
        assert_eq!(of_pod["seccompProfile"], json!({ "type": "RuntimeDefault" }), "{path}");
        for container in containers(&pod) {
            let expected = json!({
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] }
            });
            assert_eq!(container["securityContext"], expected, "{path}: {}", container["name"]);
            for needed in ["/requests/cpu", "/requests/memory", "/limits/memory"] {
                assert!(container["resources"].pointer(needed).is_some(), "{path}: {} {needed}", container["name"]);
            }
            let place = &container["terminationMessagePath"];
            assert!(place.is_null() || place == "/dev/termination-log", "{path}");
        }
    }
}

#[test]
fn only_doorstep_gets_the_owners_url_where_it_has_a_container_of_its_own() {
    for (path, _, pod) in pods() {
        let mounts =
            |container: &Value, name: &str| items(container, "volumeMounts").iter().any(|mount| mount["name"] == name);
        for container in containers(&pod) {
            assert!(is_doorstep(container) || !mounts(container, "owner"), "{path}");
            for variable in items(container, "env") {
                let name = text(variable, "name");
                let known = name
                    .strip_prefix("DOORSTEP_")
                    .is_none_or(|rest| Layer::NAMES.contains(&rest.to_lowercase().as_str()));
                assert!(known, "{path}: {name} is no setting");
                assert!(
                    !name.contains("URL") || name.ends_with("_FILE"),
                    "{path}: {name} is a secret, and belongs into a file"
                );
            }
        }
    }
}

#[test]
fn the_proxy_has_started_before_doorstep_and_doorstep_has_ended_before_the_service() {
    let (_, _, pod) = pods().into_iter().find(|(path, ..)| path.ends_with("sidecar-proxy.yaml")).unwrap();
    let started = containers(&pod);
    let names: Vec<&str> = started.iter().map(|container| text(container, "name")).collect();
    assert_eq!(names, ["proxy", "doorstep", "shop"]);
    assert!(is_sidecar(started[0]) && started[0]["startupProbe"].is_object());
    assert!(!is_sidecar(started[1]) && started[1]["command"] == json!(["doorstep", "run"]));
}

#[test]
fn where_doorstep_is_the_command_it_answers_the_probes_at_the_services_port() {
    for (path, _, pod) in pods() {
        for container in items(&pod, "containers") {
            let (Some(startup), true) = (container.get("startupProbe"), is_doorstep(container)) else { continue };
            assert_eq!(startup["httpGet"]["path"], "/live", "{path}");
            assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/ready", "{path}");
            let address =
                items(container, "env").into_iter().find(|variable| variable["name"] == "DOORSTEP_HEALTH_ADDR");
            let port = items(container, "ports")[0]["containerPort"].as_u64().unwrap();
            assert_eq!(text(address.unwrap(), "value"), format!(":{port}"), "{path}");
        }
    }
}

/// The exit codes of the README's table whose last column says this.
fn codes(answer: &str) -> Vec<u64> {
    let readme = read("README.md");
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let code = cells.get(1)?.parse().ok()?;
        (cells.len() == 5 && cells[3] == answer).then_some(code)
    };
    readme.lines().filter_map(row).collect()
}

#[test]
fn the_job_gives_up_and_tries_again_as_the_table_of_exit_codes_says() {
    let (_, job, pod) = pods().into_iter().find(|(_, manifest, _)| manifest["kind"] == "Job").unwrap();
    assert_eq!(pod["restartPolicy"], "Never", "podFailurePolicy wants it");
    let rules = items(&job["spec"]["podFailurePolicy"], "rules");
    let values = |action: &str| {
        let rule = rules.iter().find(|rule| rule["action"] == action).unwrap();
        let of = &rule["onExitCodes"];
        assert_eq!(of["operator"], "In");
        assert!(containers(&pod).iter().any(|container| container["name"] == of["containerName"]));
        items(of, "values").into_iter().map(|value| value.as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert!(!codes("no").is_empty() && !codes("yes").is_empty());
    assert_eq!(values("FailJob"), codes("no"));
    assert_eq!(values("Count"), codes("yes"));
    // What the API server requires of such a list.
    for rule in &rules {
        assert!(rule.get("onExitCodes").is_some() != rule.get("onPodConditions").is_some(), "one of the two: {rule}");
        let values: Vec<u64> = items(&rule["onExitCodes"], "values").into_iter().filter_map(Value::as_u64).collect();
        assert!(
            values.is_sorted_by(|a, b| a < b) && !values.contains(&0),
            "in order, once each, without 0: {values:?}"
        );
    }
    // A pod that was evicted has no exit code to judge by, so that rule comes first.
    let expected = json!({ "action": "Ignore", "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }] });
    assert_eq!(*rules[0], expected);
}

#[test]
fn help_and_readme_agree_about_what_to_try_again() {
    let help = Doorstep::new(&["--help"]).run().code(0).stdout;
    let (_, table) = help.split_once("Exit codes").unwrap();
    let marked = |line: &str| {
        let mut words = line.split_whitespace();
        let code = words.next()?.parse().ok()?;
        (words.next()? == "+").then_some(code)
    };
    assert_eq!(table.lines().filter_map(marked).collect::<Vec<u64>>(), codes("yes"));
}
