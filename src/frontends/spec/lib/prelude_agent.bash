# For stages that write the settings of a BOSH agent.

get_partitioner_type_mapping() {
  echo '"PartitionerType": "parted",'
}
