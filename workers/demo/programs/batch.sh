# Counts through a pile of items in a few strides.
echo "task $BROKER_UNIT on $BROKER_PROVIDER $BROKER_REGION"
items=0
for stride in 1 2 3 4; do
    sleep "$(awk "BEGIN { print $RUN_S / 4 }")" || exit
    items=$((items + 250))
    echo "task $BROKER_UNIT: $items of 1000 items"
done
exit "${EXIT_CODE:-0}"
