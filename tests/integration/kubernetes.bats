#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: none
#
# config/kubernetes: what is written there is what the hook takes, and the policy speaks of the keys that there are.
# shellcheck disable=SC2030,SC2031 # each test is a subshell
load helpers

manifests=$checkout/config/kubernetes

# "FILE POD CONTAINER ANNOTATIONS", the last as JSON, of each container of each example.
containers() {
    /usr/bin/python3 - "$manifests"/examples/*.yaml <<'EOP'
import json, os, sys, yaml
for path in sys.argv[1:]:
    for pod in yaml.safe_load_all(open(path)):
        for container in pod["spec"]["containers"]:
            print(os.path.basename(path), pod["metadata"]["name"], container["name"],
                  json.dumps(pod["metadata"]["annotations"]), sep="\t")
EOP
}

# As containerd's CRI plugin writes a container of that pod.
bundle_of_pod() { # CONTAINER ANNOTATIONS
    rm -rf --one-file-system "$work/bundles/c1"
    bundle_new
    bundle_edit --arg name "$1" --argjson asked "$2" '.annotations = $asked + {
        "io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": "p1",
        "io.kubernetes.cri.sandbox-namespace": "default", "io.kubernetes.cri.container-name": $name}'
}

@test "the examples ask for what the hook gives" {
    local file pod container asked seen=0 keys=''
    while IFS=$'\t' read -r file pod container asked; do
        bundle_of_pod "$container" "$asked"
        # The maxima of limits.yaml, so that this machine's size does not decide; nor shall it that its cgroups are v1.
        hook_config '{"max": {"shm-size": "4Gi", "segment-size": "8Gi", "disk-size": "100Gi"}, "on-error": {"cgroup": "warn"}}'
        run bulkhead explain --bundle "$bundle" -o json
        expect_eq '0 limits' "$status $(jq --raw-output .verdict <<<"$output")" "$file: $pod: $output"
        keys+=$(jq --raw-output '.keys[] | select(.effect != "none" and .effect != "kept") | .key' <<<"$output")$'\n'
        keys+=$(jq --raw-output '.segments[] | "segment"' <<<"$output")$'\n'
        seen=$((seen + 1))
    done < <(containers)
    expect_eq 7 "$seen"
    expect_eq 'disk-inodes disk-size memory-high memory-oom-group memory-swap-max pids-max segment shm-size' \
        "$(grep . <<<"$keys" | sort -u | paste -sd ' ')" "features shown"
}

@test "the key for one container wins there, and there alone" {
    local asked
    asked=$(containers | awk -F '\t' '$3 == "sidecar" { print $4 }')
    bundle_of_pod sidecar "$asked"
    expect_eq '32 1073741824' "$(bulkhead explain --bundle "$bundle" -o json |
        jq --raw-output '[.keys[] | select(.key == "pids-max" or .key == "disk-size").value] | map(tostring) | join(" ")')"
    bundle_of_pod web "$asked"
    expect_eq '256 null' "$(bulkhead explain --bundle "$bundle" -o json |
        jq --raw-output '[.keys[] | select(.key == "pids-max" or .key == "disk-size").value] | map(tostring) | join(" ")')"
}

@test "the admission policy and its limits have the keys that bulkhead-annotations(7) has" {
    local documented
    documented=$(sed -n 's/^## io\.bulkhead\.//p' "$checkout/packaging/man/bulkhead-annotations.7.scd" | sort)
    expect_match 'shm-size' "$documented"
    run /usr/bin/python3 - "$manifests" "$documented" <<'EOP'
import re, sys, yaml
documents = list(yaml.safe_load_all(open(sys.argv[1] + "/admission-policy.yaml")))
policy = next(d for d in documents if d["kind"] == "ValidatingAdmissionPolicy")["spec"]
limits = next(d for d in yaml.safe_load_all(open(sys.argv[1] + "/limits.yaml")) if d["kind"] == "ConfigMap")["data"]
known = policy["validations"][0]["expression"]
pattern = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', known)).replace("\\\\", "\\")
assert pattern.startswith("^") and pattern.endswith("$"), pattern
keys = [key.replace("NAME", "x") for key in sys.argv[2].split("\n")]
for key in keys:
    for suffix in ("", "/web"):
        assert re.match(pattern, "io.bulkhead." + key + suffix), key + " is refused"
for wrong in ("shmsize", "segment.", "segment.A", "pids-max/", "shm-size/a b", "disk-sizes"):
    assert not re.match(pattern, "io.bulkhead." + wrong), wrong + " is let through"
for variable in ("bytes", "counts"):
    text = next(v for v in policy["variables"] if v["name"] == variable)["expression"]
    part = re.search(r'matches\("(.*?)"\)', text).group(1).replace("\\\\", "\\")
    print(variable, *sorted(k for k in keys if re.match(part, "io.bulkhead." + k)))
print("limits", *sorted(limits))
EOP
    expect_eq 'bytes disk-size memory-high memory-low memory-max memory-swap-max shm-size
counts disk-inodes pids-max
limits disk-inodes disk-size memory-high memory-low memory-max memory-swap-max pids-max segment-size shm-size' "$output"
}

@test "the kustomization has all that is beside it" {
    command -v kubectl >/dev/null ||
        skip_because "kubectl is not installed (Debian: kubernetes-client); beyond this it asks a cluster, as its schemas are there"
    local built file
    built=$(kubectl kustomize "$manifests")
    for file in "$manifests"/*.yaml; do
        if [[ $file == */kustomization.yaml ]]; then continue; fi
        expect_empty "$(comm -23 <(sed -n 's/^kind: //p' "$file" | sort -u) <(sed -n 's/^kind: //p' <<<"$built" | sort -u))" "$file"
    done
}
