# bash completion of safelightctl; printed by `safelightctl completion bash`.
# shellcheck shell=bash

_safelightctl_groups() {
	case $1 in
	pool) echo 'list show set pause resume history rollback' ;;
	dead) echo 'list show redrive drop' ;;
	media) echo 'show trace reprocess' ;;
	user) echo 'list make-admin show create disable enable reset-password end-sessions quota delete' ;;
	keys) echo 'rotate' ;;
	store) echo 'init' ;;
	completion) echo 'bash' ;;
	esac
}

_safelightctl_options() {
	case $1 in
	'status') echo '--json --help' ;;
	'top') echo '--interval --count --json --help' ;;
	'doctor') echo '--json --help' ;;
	'pool list') echo '--json --help' ;;
	'pool show') echo '--json --help' ;;
	'pool set') echo '--workers --workers-min --workers-max --prefetch --nice --interactive-share --decode-ms --max-pixels --if-revision --json --help' ;;
	'pool pause') echo '--json --help' ;;
	'pool resume') echo '--json --help' ;;
	'pool history') echo '--json --help' ;;
	'pool rollback') echo '--json --help' ;;
	'dead list') echo '--limit --all --json --help' ;;
	'dead show') echo '--json --help' ;;
	'dead redrive') echo '--all --lane --json --help' ;;
	'dead drop') echo '--json --help' ;;
	'media show') echo '--json --help' ;;
	'media trace') echo '--json --help' ;;
	'media reprocess') echo '--all --owner --preset --json --help' ;;
	'upload') echo '--url --timeout --keep --json --help' ;;
	'bench') echo '--uploads --at-once --url --timeout --json --help' ;;
	'user list') echo '--limit --admins --json --help' ;;
	'user make-admin') echo '--revoke --json --help' ;;
	'user show') echo '--json --help' ;;
	'user create') echo '--name --class --generate --json --help' ;;
	'user disable') echo '--json --help' ;;
	'user enable') echo '--json --help' ;;
	'user reset-password') echo '--generate --json --help' ;;
	'user end-sessions') echo '--session --json --help' ;;
	'user quota') echo '--class --bytes --files --json --help' ;;
	'user delete') echo '--yes --json --help' ;;
	'keys rotate') echo '--json --help' ;;
	'capacity') echo '--jobs --calls --busy --workers-each --cores-each --over --json --help' ;;
	'migrate') echo '--json --help' ;;
	'store init') echo '--json --help' ;;
	'reconcile') echo '--dry-run --json --help' ;;
	'completion bash') echo '--json --help' ;;
	esac
}

_safelightctl() {
	local current=${COMP_WORDS[COMP_CWORD]} i words=() skip=0 choices
	COMPREPLY=()
	if [[ ${COMP_WORDS[COMP_CWORD - 1]} == --config ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--config) skip=1 ;;
		-*) ;;
		*) if ((skip)); then skip=0; else words+=("${COMP_WORDS[i]}"); fi ;;
		esac
	done
	if ((${#words[@]} == 0)); then
		choices='status top doctor pool dead media upload bench user keys capacity migrate store reconcile completion --config --check-config --help-config --version --help'
	elif ((${#words[@]} == 1)) && [[ -n $(_safelightctl_groups "${words[0]}") ]]; then
		choices=$(_safelightctl_groups "${words[0]}")
	elif [[ $current != -* && ${words[0]} == upload ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
	else
		choices=$(_safelightctl_options "${words[0]} ${words[1]-}")
		[[ -n $choices ]] || choices=$(_safelightctl_options "${words[0]}")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$current")
}

complete -F _safelightctl safelightctl
