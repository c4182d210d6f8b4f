#!/bin/sh
# Goal: a release can be told from anything else: what was changed on its way, or signed by
# somebody else, is refused; what is released is the tag, and the same bytes each time. What a
# build fetches is what was pinned, or nothing is kept of it.
# Method: a repository with the scripts in it is tagged, released with a key made here, and
# verified; then one byte is flipped in each of its files, sums are made anew, the signature is
# left out or is another's. Trees and tags that must not be released are not. What is fetched
# lies in files of ours, whose sums are put into the scripts; then one byte is another.
# covers: S24
. "$EFF_SRC/test/lib/scenario.sh"
for program in git ssh-keygen; do
    command -v "$program" > /dev/null || skip "$program is not here"
done
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com

mkdir -p repo/tools repo/build
cp "$EFF_SRC/tools/release" "$EFF_SRC/tools/verify-release" repo/tools/
echo "what is released" > repo/README.md
echo /build/ > repo/.gitignore
git -C repo init -q && git -C repo add . && git -C repo commit -qm "one" && git -C repo tag v1.2.3 || fail "no repository"
echo '{"component":{"type":"application","name":"efferent","version":"1.2.3"}}' > repo/build/efferent.cdx.json
ssh-keygen -q -t ed25519 -N '' -C ours -f ours
ssh-keygen -q -t ed25519 -N '' -C theirs -f theirs
R=$PWD/repo/build/release
V=efferent-1.2.3

release() { sh repo/tools/release "$PWD/${1:-ours}" > out.txt 2> err.txt; }
released() { release "$@" || fail "it is not released"; }
not_released() { # WHY KEY
    rm -rf "$R"
    if release "$2"; then fail "it is released"; fi
    grep -Fq "$1" err.txt || fail "it does not say: $1"
    [ -z "$(ls "$R" 2> /dev/null)" ] || fail "something was written: $(ls "$R")"
}
verified() { sh "$R/verify-release" "$R/$1" ours.pub > out.txt 2> err.txt || fail "$1 is refused"; }
refused() { # FILE KEY WHY
    if sh "$R/verify-release" "$R/$1" "$2" > out.txt 2> err.txt; then fail "$1 is taken"; fi
    grep -Fq "$3" err.txt || fail "it does not say: $3"
    [ ! -s out.txt ] || fail "it says: $(cat out.txt)"
}
flip() { # FILE [AT]: one bit in its middle, or there
    at=${2:-$(($(wc -c < "$1") / 2))}
    byte=$(od -An -tu1 -j "$at" -N 1 "$1")
    printf "\\$(printf %o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$at" conv=notrunc 2> /dev/null
}

about "signed and verified"
released
for file in "$V.tar.gz" "$V.cdx.json"; do verified "$file"; done
tar xzf "$R/$V.tar.gz" && same "the tree" "what is released" "$(cat "$V/README.md")"
[ ! -e "$V/build" ] || fail "what is not committed was released"

about "the same bytes again"
(cd "$R" && sha256sum -- *) > sums.txt
sleep 1
released
(cd "$R" && sha256sum --quiet -c "$OLDPWD/sums.txt") || fail "another release"

about "one byte flipped"
for file in "$V.tar.gz" "$V.cdx.json"; do
    flip "$R/$file"
    refused "$file" ours.pub "is not what was signed"
    (cd "$R" && sha256sum "$V.tar.gz" "$V.cdx.json" > "$V.sha256")
    refused "$file" ours.pub "was not signed with this key"
    released
done
for file in "$V.sha256" "$V.sha256.sig"; do
    flip "$R/$file"
    refused "$V.tar.gz" ours.pub "was not signed with this key"
    released
done

about "another key"
refused "$V.tar.gz" theirs.pub "was not signed with this key"
released theirs
refused "$V.tar.gz" ours.pub "was not signed with this key"
released
cp "$R/$V.tar.gz" "$R/efferent-9.tar.gz"
refused efferent-9.tar.gz ours.pub "there is no"
sed 's/1\.2\.3/9/' "$R/$V.sha256" > "$R/efferent-9.sha256"
cp "$R/$V.sha256.sig" "$R/efferent-9.sha256.sig"
refused efferent-9.tar.gz ours.pub "was not signed with this key"
rm "$R/$V.sha256.sig"
refused "$V.tar.gz" ours.pub "there is no"

about "what must not be released"
not_released "name the private key" none
echo more >> repo/README.md
not_released "the tree is not what was committed" ours
git -C repo checkout -q README.md
echo new > repo/new
not_released "the tree is not what was committed" ours
git -C repo add new && git -C repo commit -qm "two"
not_released "has no tag" ours
git -C repo tag v1.2.4
not_released "another version" ours

# ---- what is fetched ----

mkdir -p bin files
cp "$EFF_SRC"/tools/fetch-* repo/tools/
printf '#!/bin/sh\nexit 1\n' > bin/pkg-config && cp bin/pkg-config bin/sleep
chmod +x bin/*
pinned() { # SCRIPT NAME SUM: the script expects that file
    sed -i "s/^$2=.*/$2=$3/" "repo/tools/$1"
}
sum() { sha256sum < "$1" | cut -d' ' -f1; }
# fetched SCRIPT FILE KEPT: FILE as it was is taken; with a byte changed it is refused, and nothing is kept.
fetched() {
    lib_about="fetching: $1"
    cp "$2" good
    flip "$2" 4 # in the head of gzip, the time: what it holds stays the same
    if PATH=$PWD/bin:$PATH npm_config_cache=$PWD/cache sh "repo/tools/$1" > out.txt 2> err.txt; then fail "another file is taken"; fi
    grep -Fq "what came is not what was pinned" err.txt || fail "it does not say so"
    same "what was kept" "" "$(find repo/build/deps repo/test/peers/node_modules -type f 2> /dev/null)"
    cp good "$2"
    PATH=$PWD/bin:$PATH npm_config_cache=$PWD/cache sh "repo/tools/$1" > out.txt 2> err.txt || fail "what was pinned is refused"
    [ -f "repo/$3" ] || fail "there is no $3"
    rm -rf repo/build/deps
}
if command -v npm > /dev/null; then
    mkdir -p files/package repo/test/peers
    echo '{"name": "thing", "version": "1.0.0"}' > files/package/package.json
    tar czf files/thing.tgz -C files package
    echo '{"name": "peers", "version": "1.0.0", "dependencies": {"thing": "file:../../../files/thing.tgz"}}' > repo/test/peers/package.json
    cat > repo/test/peers/package-lock.json << END
{"name": "peers", "version": "1.0.0", "lockfileVersion": 3, "requires": true, "packages": {
  "": {"name": "peers", "version": "1.0.0", "dependencies": {"thing": "file:../../../files/thing.tgz"}},
  "node_modules/thing": {"version": "1.0.0", "resolved": "file:../../../files/thing.tgz",
    "integrity": "sha512-$(openssl dgst -sha512 -binary files/thing.tgz | base64 -w 0)"}}}
END
    fetched fetch-peers files/thing.tgz test/peers/node_modules/thing/package.json
    rm -rf repo/test/peers
fi
if [ -x /usr/lib/apt/apt-helper ] && ! pkg-config --exists 'yyjson >= 0.10'; then
    mkdir -p files/debian/pool/main/y/yyjson files/yyjson-1/src
    echo 'int yyjson_is_here;' > files/yyjson-1/src/yyjson.c
    : > files/yyjson-1/src/yyjson.h && : > files/yyjson-1/LICENSE
    tarball=files/debian/pool/main/y/yyjson/$(sed -n 's/^tarball=//p' repo/tools/fetch-yyjson)
    tar czf "$tarball" -C files yyjson-1
    printf '#!/bin/sh\n. /etc/os-release\necho "%sfile:%s/files/debian/dists/$VERSION_CODENAME/InRelease%s"\n' "'" "$PWD" "'" > bin/apt-get
    chmod +x bin/apt-get
    pinned fetch-yyjson sha256 "$(sum "$tarball")"
    fetched fetch-yyjson "$tarball" build/deps/yyjson/libyyjson.a
fi
if [ "$(uname -m)" = x86_64 ]; then
    mkdir -p files/package/src/duckdb/src/include
    echo library > files/package/libduckdb.so
    echo header > files/package/src/duckdb/src/include/duckdb.h
    for part in library header; do
        file=files/$(sed -n "s/^${part}_file=//p" repo/tools/fetch-duckdb)
        tar czf "$file" -C files package
        pinned fetch-duckdb "${part}_sha256" "$(sum "$file")"
    done
    printf '#!/bin/sh\ncp "%s"/files/*duckdb-*.tgz .\n' "$PWD" > bin/npm # pack
    chmod +x bin/npm
    fetched fetch-duckdb "$file" build/deps/duckdb/libduckdb.so
fi

about "what pip installs, for the integration tests, is pinned by its hash, too"
for list in "$EFF_SRC"/test/integration/*.txt; do
    same "versions with a hash in $list" "$(grep -c '==' "$list")" \
        "$(grep -A 1 '==' "$list" | grep -c -- '--hash=sha256:[0-9a-f]\{64\}')"
done
same "calls of pip that take what has no hash" '' "$(grep -lE 'pip install|--requirement' "$EFF_SRC"/tools/* | xargs grep -L -- --require-hashes)"
finish
