#!/bin/sh
# timeout: 60
#
# Goal: `make sim` on several cores says what it ran: a broken seed, or a share that ended early, fails the whole.
# Method: tools/sim with programs in the simulator's place: one that is well, one that finds a broken seed, one
# that dies. Each seed is run once.
. "$EFF_SRC/test/lib/scenario.sh"

# program FROM: a simulator that does what the line says where its share begins at FROM or later.
cat > sim << 'END'
#!/bin/sh
[ "$3" = --count ] || { echo "seed $2 alone"; exit 0; }
echo "$2 $4" >> shares.txt
if [ "$2" -gt 100 ]; then
    [ "$HOW" != dies ] || kill -KILL $$
    [ "$HOW" != broken ] || { echo "$4 seeds from $2, 1 broken, 3000 seeds a minute, 9 effects"; exit 1; }
fi
echo "$4 seeds from $2, 0 broken, 3000 seeds a minute, 9 effects"
END
printf '#!/bin/sh\necho 3\n' > nproc
chmod +x sim nproc
PATH=$EFF_TMP:$PATH
shares() { # HOW SEEDS FROM
    about "$*"
    rm -f shares.txt
    HOW=$1 sh "$EFF_SRC/tools/sim" ./sim "$2" "$3" > out.json 2> err.txt
    CODE=$?
}
export HOW=well
shares well 100 51
same "exit code" 0 "$CODE"
same "shares" '51 33
84 33
117 34' "$(sort -n shares.txt)"
says "100 of 100 seeds from 51 run, 0 broken, on 3 cores"
shares broken 100 51
same "exit code" 1 "$CODE"
says "100 of 100 seeds from 51 run, 1 broken"
shares dies 100 51
same "exit code" 1 "$CODE"
says "66 of 100 seeds from 51 run, 0 broken"
shares well 4 1 # a share of one seed would print its trace
same "shares" '1 4' "$(cat shares.txt)"
shares well 1 7
says "seed 7 alone"
finish
