#pragma once

#include <string_view>

namespace evloopd::ctl {

// A bash script: `source <(evloopctl completion bash)`. It asks the daemon for the names of its loops and workloads.
inline constexpr std::string_view bash_completion = R"(_evloopctl() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= i
  case $previous in
    -o|--output) COMPREPLY=($(compgen -W "table wide json name" -- "$word")); return ;;
    --selector) COMPREPLY=($(compgen -W "epoll poll" -- "$word")); return ;;
    --addr|-f|--file) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --direction) COMPREPLY=($(compgen -W "both to_upstream to_client" -- "$word")); return ;;
    --timeout|--label) return ;;
    upstreams|faults)
      local workloads
      workloads=$(evloopctl --timeout 1s -o name workloads 2>/dev/null)
      COMPREPLY=($(compgen -W "${workloads//workloads\//}" -- "$word")); return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      -o|--output|--addr|--timeout) ((i++)) ;;
      -*) ;;
      *) command=${COMP_WORDS[i]}; break ;;
    esac
  done
  case $command in
    "") COMPREPLY=($(compgen -W "ls describe ps create start stop drain replace close rm run apply status health
          workloads upstreams faults version completion --addr --output --timeout --no-color --help" -- "$word")) ;;
    describe|ps|start|stop|drain|replace|close|rm|run|health)
      local loops
      loops=$(evloopctl --timeout 1s -o name ls 2>/dev/null)
      COMPREPLY=($(compgen -W "${loops//loops\//}" -- "$word")) ;;
    upstreams) COMPREPLY=($(compgen -W "set" -- "$word")) ;;
    faults) COMPREPLY=($(compgen -W "--for --off --latency --jitter --bandwidth --slice-size --slice-delay --blackhole
          --reset-bytes --reset-time --direction --percent --seed" -- "$word")) ;;
    apply) COMPREPLY=($(compgen -W "--file --dry-run" -- "$word")) ;;
    completion) COMPREPLY=($(compgen -W "bash" -- "$word")) ;;
  esac
}
complete -F _evloopctl evloopctl
)";

}  // namespace evloopd::ctl
